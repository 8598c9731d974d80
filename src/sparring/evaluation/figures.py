"""From judged tasks to figures: what is measured, and what is counted beside it."""

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
from sparring.policy.chat.base import Answer
from sparring.sandbox import Limits, Runs
from sparring.schema import Role, StopReason, Verdict


def strengthened(
    facts: Sequence[TaskFacts],
    judged: Sequence[GroupResult],
    sandbox: Runs,
    limits: Limits,
    mutants: int,
) -> list[TaskFacts]:
    """With the mutation score and branch coverage of each task's generated tests.

    A mutant that neither these nor the ground-truth tests notice may compute the same as the
    solution, and is not counted (`strength`).
    """
    tests = [[p.test for p in j.tests if p.test is not None] for j in judged]
    found = strength(sandbox, [j.task for j in judged], tests, limits, mutants)
    return [
        f
        if s is None or not len(j.tests)
        else replace(
            f,
            mutants=(float(s.killed), float(s.known)),
            branches=(float(s.covered), float(s.branches)),
        )
        for f, j, s in zip(facts, judged, found, strict=True)
    ]


def as_officially_counted(
    facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]]
) -> dict[str, float | None]:
    """What the released code would print, and over how many tasks (`metrics.official`)."""
    found = official(facts, [scale for scale in scales if scale[1]])
    return {
        **{name: None if math.isnan(v) else v for name, v in found.as_dict().items()},
        "tasks": float(found.tasks),
        "without_test": float(found.without_test),
        "masked": float(found.masked),
    }


@dataclass(slots=True)
class Counts:
    """What one role's responses were like. Tokens are None where a server did not say."""

    responses: int
    cut_off: int
    """Responses that reached the limit."""
    failures: Mapping[str, int]
    """Responses that hold no program or no test, by the name of what is wrong."""
    how: Mapping[str, int]
    """The others, by how the program or the test was found."""
    characters: float
    tokens: float | None
    """Mean length of a response."""
    prompt_tokens: int | None
    completion_tokens: int | None
    """Sums."""

    def record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def counts(judged: Sequence[GroupResult], role: Role, answers: Sequence[Answer]) -> Counts:
    """``answers`` are the role's in any order."""
    parsed = [p for j in judged for p in (j.programs if role is Role.CODER else j.tests)]
    failures = Counter(str(p.failure) for p in parsed if p.failure)
    told = [a.completion_tokens for a in answers if a.completion_tokens is not None]
    asked = [a.prompt_tokens for a in answers if a.prompt_tokens is not None]
    all_told = bool(answers) and len(told) == len(answers) == len(asked)
    return Counts(
        responses=len(answers),
        cut_off=sum(a.stop is StopReason.LENGTH for a in answers),
        failures=dict(failures.most_common()),
        how=dict(Counter(p.how for p in parsed if p.how).most_common()),
        characters=fmean(len(a.text) for a in answers) if answers else 0.0,
        tokens=fmean(told) if all_told else None,
        prompt_tokens=sum(asked) if all_told else None,
        completion_tokens=sum(told) if all_told else None,
    )


def verdicts(judged: Sequence[GroupResult]) -> dict[str, int]:
    """How the programs fared on ground-truth tests, by verdict. INFRA is ours, and counts for no
    figure."""
    found: Counter[Verdict] = Counter()
    for j in judged:
        for row in j.outcomes_PT:
            found.update(o.verdict for o in row[: len(j.task.tests)])
    return {v.value: found[v] for v in Verdict if found[v]}
