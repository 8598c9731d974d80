"""Figures and counts of graded tasks: strength of the tests, readability, lengths, verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from sparring.audit.strength import strength
from sparring.grading.group import GroupResult
from sparring.metrics.facts import TaskFacts
from sparring.metrics.official import official
from sparring.policy.chat.base import ChatReply
from sparring.sandbox import Limits, Runs
from sparring.schema import Role, StopReason, Verdict


def with_test_strength(
    facts: Sequence[TaskFacts],
    groups: Sequence[GroupResult],
    sandbox: Runs,
    limits: Limits,
    mutants: int,
) -> list[TaskFacts]:
    """Return the facts with the mutation score and branch coverage of each task's generated tests.

    If neither the generated nor the ground-truth tests catch a mutant, it may compute the same as
    the solution; `strength` does not count such a mutant.
    """
    tests = [[p.test for p in g.tests if p.test is not None] for g in groups]
    strengths = strength(sandbox, [g.task for g in groups], tests, limits, mutants)
    return [
        f
        if s is None or not len(g.tests)
        else replace(
            f,
            mutants=(float(s.killed), float(s.known)),
            branches=(float(s.covered), float(s.branches)),
        )
        for f, g, s in zip(facts, groups, strengths, strict=True)
    ]


def as_officially_counted(
    facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]]
) -> dict[str, float | None]:
    """Return the figures that the paper's released code would print, with its number of tasks."""
    figures = official(facts, [scale for scale in scales if scale[1]])
    return {
        **{name: None if math.isnan(v) else v for name, v in figures.as_dict().items()},
        "tasks": float(figures.tasks),
        "without_test": float(figures.without_test),
        "masked": float(figures.masked),
    }


@dataclass(slots=True)
class Counts:
    """Counts over one role's responses. Numbers of tokens are None where a server omits them."""

    responses: int
    cut_off: int
    """Responses that reached the length limit."""
    failures: Mapping[str, int]
    """Responses without a readable program or test, by the reason."""
    how: Mapping[str, int]
    """Other responses, by the rule that found the program or the test."""
    characters: float
    """Mean length of a response in characters."""
    tokens: float | None
    """Mean length of a response in tokens."""
    prompt_tokens: int | None
    """Tokens of all prompts."""
    completion_tokens: int | None
    """Tokens of all responses."""

    def record(self) -> dict[str, Any]:
        """Return the counts as JSON-able data."""
        return {name: getattr(self, name) for name in self.__slots__}


def counts(groups: Sequence[GroupResult], role: Role, answers: Sequence[ChatReply]) -> Counts:
    """Count the responses of ``role``. ``answers`` holds the role's answers in any order."""
    parsed = [p for g in groups for p in (g.programs if role is Role.CODER else g.tests)]
    failures = Counter(str(p.failure) for p in parsed if p.failure)
    completion = [a.completion_tokens for a in answers if a.completion_tokens is not None]
    prompt = [a.prompt_tokens for a in answers if a.prompt_tokens is not None]
    complete = bool(answers) and len(completion) == len(answers) == len(prompt)
    return Counts(
        responses=len(answers),
        cut_off=sum(a.stop is StopReason.LENGTH for a in answers),
        failures=dict(failures.most_common()),
        how=dict(Counter(p.how for p in parsed if p.how and p.failure is None).most_common()),
        characters=fmean(len(a.text) for a in answers) if answers else 0.0,
        tokens=fmean(completion) if complete else None,
        prompt_tokens=sum(prompt) if complete else None,
        completion_tokens=sum(completion) if complete else None,
    )


def verdicts(groups: Sequence[GroupResult]) -> dict[str, int]:
    """Count the executions of programs on ground-truth tests, by verdict.

    INFRA is a failure of the sandbox itself and counts for no figure.
    """
    count: Counter[Verdict] = Counter()
    for group in groups:
        for row in group.outcomes_PT:
            count.update(o.verdict for o in row[: len(group.task.tests)])
    return {v.value: count[v] for v in Verdict if count[v]}
