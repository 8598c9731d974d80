"""Warm-start text: conversations of the noisy players with their problems.

One conversation is a prompt (the nano recipe's templates around a statement)
and the answer of one noisy coder or tester. Only compositions of the warm
split are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.microworld.grammar import Shape
from sparring.microworld.players import write_program, write_test
from sparring.microworld.problem import Problem, Split, compositions, draw_problem
from sparring.schema import Role

CODER_TEMPLATE = "Program: {statement}"
TESTER_TEMPLATE = "Test: {statement}"
"""The prompts of the nano model. Short: a model of this size has no use for manners."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One prompt and one answer, as plain text."""

    role: Role
    prompt: str
    answer: str


def program_answer(source: str) -> str:
    """A program in the form that `prompts.programs` reads."""
    return f"```python\n{source}```"


def unit_test_answer(line: str, work: str, output: str) -> str:
    """A test in the form that `prompts.tests` reads, with the working between its two blocks."""
    return f"**Test Input:**\n```\n{line}\n```\n{work}\n**Test Output:**\n```\n{output}\n```"


def draw_conversation(rng: np.random.Generator, problem: Problem, role: Role) -> Conversation:
    """What a noisy player of ``role`` writes for a problem."""
    if role is Role.CODER:
        prompt = CODER_TEMPLATE.replace("{statement}", problem.statement())
        return Conversation(role, prompt, program_answer(write_program(rng, problem)))
    prompt = TESTER_TEMPLATE.replace("{statement}", problem.statement())
    return Conversation(role, prompt, unit_test_answer(*write_test(rng, problem)))


def corpus(seed: int, count: int) -> list[Conversation]:
    """``count`` conversations, two testers' for each coder's: working takes more practice."""
    rng = np.random.default_rng(seed)
    pool = {shape: compositions(shape, Split.WARM) for shape in Shape}
    return [
        draw_conversation(rng, draw_problem(rng, pool), Role.CODER if i % 3 == 0 else Role.TESTER)
        for i in range(count)
    ]
