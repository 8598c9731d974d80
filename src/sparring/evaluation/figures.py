"""From judged tasks to figures: what is measured, and what is counted beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from sparring.pipelines.bout import Judged
from sparring.sampling.chat.base import Answer
from sparring.schema import Role, StopReason, Verdict
from sparring.scoring.intervals import mean_interval
from sparring.scoring.matrix import Bools
from sparring.scoring.metrics import Summary, TaskFacts, one_shot, summarise
from sparring.scoring.selection import first_index

Scale = tuple[int, int]


def measured(facts: Sequence[TaskFacts], scales: Sequence[Scale], ks: Sequence[int]) -> Summary:
    """Every figure over the tasks: one-shot and pass@k, tests, Best-of-(n, m) at each scale."""
    found = Summary({}, {}, {}, {})
    for n, m in scales:
        one = summarise(facts, n, m)
        found.estimates.update(one.estimates)
        found.per_task.update(one.per_task)
        found.ratios.update(one.ratios)
        found.sizes.update(one.sizes)
    right = np.array([one_shot(f) for f in facts])
    found.per_task.setdefault("one_shot", right)
    found.estimates.setdefault("one_shot", mean_interval(right))
    for k in ks:
        values = np.array([pass_at(f.matrix.correct_P, f.matrix.wrong_P, k) for f in facts])
        found.per_task[f"pass@{k}"] = values
        found.estimates[f"pass@{k}"] = mean_interval(values)
    for group in (found.estimates, found.per_task):  # there is no pool of other programs
        for name in [x for x in group if "pool_" in x]:
            del group[name]
    for ratios in (found.estimates, found.ratios):
        ratios.pop("catch_rate", None)
    return found


def pass_at(correct_P: Bools, wrong_P: Bools, k: int) -> float:
    """P(one of k programs drawn without replacement is correct), 1 − C(w, k) / C(n, k) with w
    wrong of n known ones (arXiv 2107.03374); NaN where fewer than k are known."""
    right, known = int(correct_P.sum()), int((correct_P | wrong_P).sum())
    if known < k:
        return math.nan
    return 1.0 - math.comb(known - right, k) / math.comb(known, k)


def official_choice(judged: Sequence[Judged], scales: Sequence[Scale]) -> dict[str, float | None]:
    """Best-of-(n, m) as the released code counts it: the first n and m, the first index of
    equals, and tasks without a readable test left out of every denominator."""
    kept = [j for j in judged if j.parsed_U.any()]
    found: dict[str, float | None] = {
        "tasks": float(len(kept)),
        "one_shot": fmean(j.matrix.correct_P.mean() for j in kept) if kept else None,
    }
    for n, m in scales:
        chosen = [bool(j.matrix.correct_P[first_index(j.matrix, n, m)]) for j in kept]
        found[f"bon_{n}x{m}"] = fmean(chosen) if chosen else None
    return found


@dataclass(slots=True)
class Counts:
    """What one role's responses were like. Tokens are None where a server did not say."""

    responses: int
    cut_off: int
    """Responses that reached the limit."""
    failures: Mapping[str, int]
    """Responses that hold no program or no test, by the name of what is wrong."""
    characters: float
    tokens: float | None
    """Mean length of a response."""
    prompt_tokens: int | None
    completion_tokens: int | None
    """Sums."""

    def record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def counts(judged: Sequence[Judged], role: Role, answers: Sequence[Answer]) -> Counts:
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
        characters=fmean(len(a.text) for a in answers) if answers else 0.0,
        tokens=fmean(told) if all_told else None,
        prompt_tokens=sum(asked) if all_told else None,
        completion_tokens=sum(told) if all_told else None,
    )


def verdicts(judged: Sequence[Judged]) -> dict[str, int]:
    """How the programs fared on ground-truth tests, by verdict. INFRA is ours, and counts for no
    figure."""
    found: Counter[Verdict] = Counter()
    for j in judged:
        for row in j.outcomes_PT:
            found.update(o.verdict for o in row[: len(j.task.tests)])
    return {v.value: found[v] for v in Verdict if found[v]}
