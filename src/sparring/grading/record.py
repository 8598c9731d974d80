"""Records of graded groups, as JSON-able data.

A record holds everything that rewards follow from: every response as sampled, every verdict and
output, the outcomes of reference and validator. `recorded.result_from` makes an equal `GroupResult`
of a record, so that a step can be learned from again (resume, replay) or scored anew (rescore)
without sampling or executing anything.

Measured times and memory differ from run to run. They are kept apart (`usage_record`), so that the
records of equal runs are equal to the byte.
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
    """Graded group with the rewards and advantages of both roles.

    Rewards follow from ``basis``: the group itself or, under label-free training, the group graded
    by those pseudo-label tests that ``kept_K`` marks; None if no test is left.
    """

    judged: GroupResult
    earned: Earned
    kept_K: Bools | None = None
    basis: GroupResult | None = None


def rollout_record(step: int, scored: Scored) -> dict[str, Any]:
    """Return one task of one step as JSON-able data."""
    group, earned = scored.judged, scored.earned
    task, tester = group.task, earned.tester_rewards
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
            "has_reference": group.has_reference,
            "reference": [outcome_record(o) for o in group.reference_G],
            "foreign": [group.foreign.accepted, group.foreign.pairs],
        },
        "programs": [
            {
                **response_record(r),
                "source": p.source,
                "failure": p.failure,
                **found_record(p),
                "correct": bool(group.matrix.correct_P[i]),
                "reward": float(earned.coder_rewards.value[i]),
                "terms": earned.coder_rewards.by_name(i),
                "advantage": float(earned.coder.value[i]),
                "runs": [outcome_record(o) for o in group.outcomes_PT[i]],
                "withheld_runs": [outcome_record(o) for o in group.withheld_PH[i]],
            }
            for i, (r, p) in enumerate(zip(group.coder, group.programs, strict=True))
        ],
        "tests": [
            {
                **response_record(r),
                **generated_record(p),
                "valid": bool(group.valid_U[k]),
                "refused": group.refused_U[k],
                "right": None if group.right_U is None else bool(group.right_U[k]),
                "reference": None if (o := group.reference_U[k]) is None else outcome_record(o),
                "accepts_correct": bool(tester.accepts_correct[k]),
                "rightness": float(tester.rightness[k]),
                "caught": float(tester.caught[k]),
                "missed": float(tester.missed[k]),
                "reward": float(tester.value[k]),
                "terms": tester.by_name(k),
                "advantage": float(earned.tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(group.tester, group.tests, strict=True))
        ],
        **_opponents_record(group),
        "dropped": {"coder": earned.coder.dropped, "tester": earned.tester.dropped},
        **_supervision_record(group.supervision, scored.kept_K),
    }


def _opponents_record(group: GroupResult) -> dict[str, Any]:
    if not group.opponents:
        return {}
    return {
        "opponents": [
            {**response_record(r), "runs": [outcome_record(o) for o in row]}
            for r, row in zip(group.opponents, group.pool_outcomes_PT or (), strict=True)
        ]
    }


def _supervision_record(supervision: Supervision | None, kept_K: Bools | None) -> dict[str, Any]:
    """Return the pseudo-label tests, and the outcomes [programs][tests] of every program on those
    that could be read and on the generated tests."""
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


def usage_record(group: GroupResult) -> dict[str, Any]:
    """Return CPU seconds, MiB and a detail for people of every execution of a group:
    [programs][tests], hidden tests last."""
    usage: dict[str, Any] = {"task": group.task.id, "runs": _usage(group)}
    if group.supervision and group.supervision.result:
        usage["supervision"] = _usage(group.supervision.result)
    return usage


def _usage(group: GroupResult) -> list[list[list[Any]]]:
    return [
        [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in (*row, *more)]
        for row, more in zip(group.outcomes_PT, group.withheld_PH, strict=True)
    ]
