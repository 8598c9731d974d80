"""Corpus of the warm start: prompts with the answers of noisy players.

A conversation is a prompt (the nano recipe's template with a statement) and the answer of a noisy
coder or tester. Only compositions of the warm split are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.microworld.grammar import InputShape
from sparring.microworld.players import write_program, write_test
from sparring.microworld.problem import Problem, Split, compositions, draw_problem
from sparring.schema import Role

CODER_TEMPLATE = "Program: {statement}"
TESTER_TEMPLATE = "Test: {statement}"
"""Prompts of the nano model. They are short, because the model was trained on nothing else."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Prompt and answer, as plain text."""

    role: Role
    prompt: str
    answer: str


def program_answer(source: str) -> str:
    """Return a program in the form of an answer, which `prompts.programs` reads."""
    return f"```python\n{source}```"


def unit_test_answer(line: str, work: str, output: str) -> str:
    """Return a test in the form of an answer, which `prompts.tests` reads.

    The derivation ``work`` stands between the block of the input and the block of the output.
    """
    return f"**Test Input:**\n```\n{line}\n```\n{work}\n**Test Output:**\n```\n{output}\n```"


def draw_conversation(rng: np.random.Generator, problem: Problem, role: Role) -> Conversation:
    """Draw the answer of a noisy player of ``role`` to a problem."""
    if role is Role.CODER:
        prompt = CODER_TEMPLATE.replace("{statement}", problem.statement())
        return Conversation(role, prompt, program_answer(write_program(rng, problem)))
    prompt = TESTER_TEMPLATE.replace("{statement}", problem.statement())
    return Conversation(role, prompt, unit_test_answer(*write_test(rng, problem)))


def corpus(seed: int, count: int) -> list[Conversation]:
    """Draw ``count`` conversations, two of testers for each of a coder.

    Testers have the larger share because a derivation is harder to learn than a program.
    """
    rng = np.random.default_rng(seed)
    pool = {shape: compositions(shape, Split.WARM) for shape in InputShape}
    return [
        draw_conversation(rng, draw_problem(rng, pool), Role.CODER if i % 3 == 0 else Role.TESTER)
        for i in range(count)
    ]
