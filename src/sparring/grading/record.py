"""Records of graded groups, as JSON-able data.

A record holds everything that rewards follow from: every response as sampled, every verdict and
output, the outcomes of reference and validator. `recorded.result_from` makes an equal `GroupResult`
from a record, so that a step can be learned from again (resume, replay) or scored anew (rescore)
without sampling or executing anything.

Measured times and memory differ from run to run. They are kept apart (`usage_record`), so that the
records of equal runs are equal to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparring.grading.entries import (
    generated_record,
    outcome_record,
    pairs_of,
    reading_record,
    response_record,
)
from sparring.grading.group import GroupResult, PseudoLabels
from sparring.matrix import Bools
from sparring.rewards.score import Earned


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """Graded group with the rewards and advantages of both roles.

    Rewards follow from ``basis``: the group itself or, under label-free training, the group graded
    by those pseudo-label tests that ``kept_K`` marks; None if no test is left.
    """

    group: GroupResult
    earned: Earned
    kept_K: Bools | None = None
    rewarded_on: GroupResult | None = None


def rollout_record(step: int, scored: ScoredGroup) -> dict[str, Any]:
    """Return one task of one step as JSON-able data."""
    group, earned = scored.group, scored.earned
    task, tester = group.task, earned.tester_rewards
    return {
        "step": step,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": pairs_of(task.tests),
            "hidden": pairs_of(task.hidden),
            "examples": pairs_of(task.examples),
            "checker": task.checker,
            **({} if task.entry_point is None else {"entry_point": task.entry_point}),
            "source": task.source,
            "has_reference": group.has_reference,
            "reference": [outcome_record(o) for o in group.reference_G],
            "checker_leniency": [group.leniency.accepted, group.leniency.pairs],
        },
        "programs": [
            {
                **response_record(r),
                "source": p.source,
                "failure": p.failure,
                **reading_record(p),
                "correct": bool(group.matrix.correct_P[i]),
                "reward": float(earned.coder_rewards.value[i]),
                "terms": earned.coder_rewards.by_name(i),
                "advantage": float(earned.coder.value[i]),
                "runs": [outcome_record(o) for o in group.outcomes_PT[i]],
                "hidden_runs": [outcome_record(o) for o in group.hidden_PH[i]],
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
        **_initial_policy_record(group),
        "dropped": {"coder": earned.coder.dropped, "tester": earned.tester.dropped},
        **_pseudo_label_record(group.pseudo_labels, scored.kept_K),
    }


def _initial_policy_record(group: GroupResult) -> dict[str, Any]:
    if not group.initial_policy_programs:
        return {}
    return {
        "initial_policy_programs": [
            {**response_record(r), "runs": [outcome_record(o) for o in row]}
            for r, row in zip(
                group.initial_policy_programs, group.pool_outcomes_PT or (), strict=True
            )
        ]
    }


def _pseudo_label_record(
    pseudo_labels: PseudoLabels | None, kept_K: Bools | None
) -> dict[str, Any]:
    """Return the pseudo-label tests, and the outcomes [programs][tests] of every program on those
    that could be read and on the generated tests."""
    if pseudo_labels is None or kept_K is None:
        return {}
    right, result = pseudo_labels.right_K, pseudo_labels.result
    tests = [
        {
            **generated_record(p),
            "right": bool(right[k]) if right is not None else None,
            "kept": bool(kept_K[k]),
        }
        for k, p in enumerate(pseudo_labels.tests)
    ]
    runs = others = None
    if result is not None:
        runs = [[outcome_record(o) for o in row] for row in result.outcomes_PT]
        others = [[outcome_record(o) for o in row] for row in result.pool_outcomes_PT or ()]
    return {"pseudo_labels": {"tests": tests, "runs": runs, "initial_policy_runs": others}}


def usage_record(group: GroupResult) -> dict[str, Any]:
    """Return CPU seconds, MiB and a detail for people of every execution of a group:
    [programs][tests], hidden tests last."""
    usage: dict[str, Any] = {"task": group.task.id, "runs": _usage(group)}
    if group.pseudo_labels and group.pseudo_labels.result:
        usage["pseudo_labels"] = _usage(group.pseudo_labels.result)
    return usage


def _usage(group: GroupResult) -> list[list[list[Any]]]:
    return [
        [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in (*row, *more)]
        for row, more in zip(group.outcomes_PT, group.hidden_PH, strict=True)
    ]
