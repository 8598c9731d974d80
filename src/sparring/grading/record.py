"""What is written down of a graded group.

A record holds all that rewards follow from: every response as sampled, every
verdict and output, what reference and validator said. `recorded.result_from`
makes the same `GroupResult` of it, so that a step can be learned from again
(resume, replay) or scored anew (rescore) without sampling or running anything.
What differs from run to run, measured times and memory, is kept apart
(`usage_record`), so that records of equal runs are equal to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparring.grading.entries import (
    found_record,
    generated_record,
    outcome_record,
    pairs_of,
    response_record,
)
from sparring.grading.group import GroupResult, Supervision
from sparring.matrix import Bools
from sparring.rewards.score import Earned


@dataclass(frozen=True, slots=True)
class Scored:
    """A judged bout with what both roles earned.

    Rewards follow from ``basis``. Under supervision that is the bout judged by
    those of its tests that ``kept_K`` names, None if there is no test left.
    """

    judged: GroupResult
    earned: Earned
    kept_K: Bools | None = None
    basis: GroupResult | None = None


def rollout_record(step: int, scored: Scored) -> dict[str, Any]:
    """One task of one step as JSON-able data."""
    judged, earned = scored.judged, scored.earned
    task, tester = judged.task, earned.tester_rewards
    return {
        "step": step,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": pairs_of(task.tests),
            "withheld": pairs_of(task.withheld),
            "examples": pairs_of(task.examples),
            "checker": task.checker,
            **({} if task.entry_point is None else {"entry_point": task.entry_point}),
            "source": task.source,
            "has_reference": judged.has_reference,
            "reference": [outcome_record(o) for o in judged.reference_G],
            "foreign": [judged.foreign.accepted, judged.foreign.pairs],
        },
        "programs": [
            {
                **response_record(r),
                "source": p.source,
                "failure": p.failure,
                **found_record(p),
                "correct": bool(judged.matrix.correct_P[i]),
                "reward": float(earned.coder_rewards.value[i]),
                "terms": earned.coder_rewards.by_name(i),
                "advantage": float(earned.coder.value[i]),
                "runs": [outcome_record(o) for o in judged.outcomes_PT[i]],
                "withheld_runs": [outcome_record(o) for o in judged.withheld_PH[i]],
            }
            for i, (r, p) in enumerate(zip(judged.coder, judged.programs, strict=True))
        ],
        "tests": [
            {
                **response_record(r),
                **generated_record(p),
                "valid": bool(judged.valid_U[k]),
                "refused": judged.refused_U[k],
                "right": None if judged.right_U is None else bool(judged.right_U[k]),
                "reference": None if (o := judged.reference_U[k]) is None else outcome_record(o),
                "accepts_correct": bool(tester.accepts_correct[k]),
                "rightness": float(tester.rightness[k]),
                "caught": float(tester.caught[k]),
                "missed": float(tester.missed[k]),
                "reward": float(tester.value[k]),
                "terms": tester.by_name(k),
                "advantage": float(earned.tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(judged.tester, judged.tests, strict=True))
        ],
        **_opponents_record(judged),
        "dropped": {"coder": earned.coder.dropped, "tester": earned.tester.dropped},
        **_supervision_record(judged.supervision, scored.kept_K),
    }


def _opponents_record(judged: GroupResult) -> dict[str, Any]:
    if not judged.opponents:
        return {}
    return {
        "opponents": [
            {**response_record(r), "runs": [outcome_record(o) for o in row]}
            for r, row in zip(judged.opponents, judged.pool_outcomes_PT or (), strict=True)
        ]
    }


def _supervision_record(supervision: Supervision | None, kept_K: Bools | None) -> dict[str, Any]:
    """The supervising tests, and every program's runs on those that could be read and on the
    generated ones: [programs][tests]."""
    if supervision is None or kept_K is None:
        return {}
    right, result = supervision.right_K, supervision.result
    tests = [
        {
            **generated_record(p),
            "right": bool(right[k]) if right is not None else None,
            "kept": bool(kept_K[k]),
        }
        for k, p in enumerate(supervision.tests)
    ]
    runs = others = None
    if result is not None:
        runs = [[outcome_record(o) for o in row] for row in result.outcomes_PT]
        others = [[outcome_record(o) for o in row] for row in result.pool_outcomes_PT or ()]
    return {"supervision": {"tests": tests, "runs": runs, "opponents_runs": others}}


def usage_record(judged: GroupResult) -> dict[str, Any]:
    """CPU seconds, MiB and a word for people on every run of a bout: [programs][tests], withheld
    tests last."""
    found: dict[str, Any] = {"task": judged.task.id, "runs": _usage(judged)}
    if judged.supervision and judged.supervision.result:
        found["supervision"] = _usage(judged.supervision.result)
    return found


def _usage(judged: GroupResult) -> list[list[list[Any]]]:
    return [
        [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in (*row, *more)]
        for row, more in zip(judged.outcomes_PT, judged.withheld_PH, strict=True)
    ]
