"""Summaries of recorded groups: counts, mean rewards, and groups that were not learned from.

The functions read the record's data directly, without making a `GroupResult`: a report summarises
every group of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.schema import Role, Verdict

ROW = (
    "task",
    "programs",
    "correct",
    "unknown",
    "tests",
    "accepted",
    "invalid",
    "masked",
    "coder_reward",
    "tester_reward",
    "coder_dropped",
    "tester_dropped",
)
"""Names of the values of `summary_row`, in order."""
_NAME = 500
"""Maximum characters of a task's id in a summary, which every page of a report repeats."""


def summary_row(record: Mapping[str, Any]) -> list[Any]:
    """Return the values named by `ROW` for a recorded group.

    ``accepted`` counts the valid tests that every correct program passes. ``masked`` counts the
    cells that have no label because the infrastructure failed. Rewards are means over the labelled
    responses.
    """
    programs, tests = record["programs"], record["tests"]
    correct = correct_rows(record)
    own = correct[: len(programs)]
    any_correct = any(correct)
    return [
        record["task"]["id"][:_NAME],
        len(programs),
        sum(c is True for c in own),
        len(programs) - sum(c is not None for c in own),
        len(tests),
        sum(bool(t["accepts_correct"] and t["valid"]) for t in tests) if any_correct else None,
        sum(not t["valid"] for t in tests),
        sum(o["verdict"] == Verdict.INFRA for p in programs for o in p["runs"]),
        _mean([p["reward"] for p in programs]),
        _mean([t["reward"] for t in tests]),
        record["dropped"]["coder"],
        record["dropped"]["tester"],
    ]


def correct_rows(record: Mapping[str, Any]) -> list[bool | None]:
    """Return for each program whether it is correct, the group's own programs first, then
    initial-policy programs; None where this is unknown.

    A program is correct by the ground-truth tests, or with pseudo-labels by the kept tests of the
    frozen tester.
    """
    rows = [*record["programs"], *record.get("initial_policy_programs", ())]
    runs = [p["runs"] for p in rows]
    keep = [True] * len(record["task"]["tests"])
    if (pseudo_labels := record.get("pseudo_labels")) is not None:
        runs = [*(pseudo_labels["runs"] or ()), *(pseudo_labels["initial_policy_runs"] or ())]
        keep = [t["kept"] for t in pseudo_labels["tests"] if t["input"] is not None]
    correct = [
        passes_all([o["verdict"] for o, kept in zip(row, keep, strict=False) if kept])
        for row in runs
    ]
    return correct + [None] * (len(rows) - len(correct))


def passes_all(verdicts: Sequence[str]) -> bool | None:
    """Return True if a program passed all its tests, False if it failed one, else None.

    None means that there is no test, or that no test failed and one is masked.
    """
    if any(v not in (Verdict.ACCEPTED, Verdict.INFRA) for v in verdicts):
        return False
    return None if not verdicts or Verdict.INFRA in verdicts else True


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [v for v in values if v is not None]
    return round(sum(numbers) / len(numbers), 4) if numbers else None


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """Summary of a recorded group for lists of groups."""

    task: str
    correct: tuple[int, int]
    """Correct programs, and all programs."""
    right: tuple[int, int] | None
    """Right tests, and all tests known to be right or wrong; None if no test is known."""
    rewards: Mapping[Role, tuple[float, float] | None]
    """Least and greatest reward of each role; None for a role without rewards."""
    dropped: Mapping[Role, str | None]
    """Reason why a role's group was not learned from; None if it was."""


def row_of(record: Mapping[str, Any]) -> GroupSummary:
    """Return the summary of a recorded group."""
    programs, tests = record["programs"], record["tests"]
    right = [t["right"] for t in tests if t["right"] is not None]
    dropped = record.get("dropped", {})
    return GroupSummary(
        task=str(record["task"]["id"]),
        correct=(sum(bool(p.get("correct")) for p in programs), len(programs)),
        right=(sum(map(bool, right)), len(right)) if right else None,
        rewards={Role.CODER: _range(programs), Role.TESTER: _range(tests)},
        dropped={role: dropped.get(role.value) for role in Role},
    )


def _range(responses: list[Mapping[str, Any]]) -> tuple[float, float] | None:
    rewards = [float(r["reward"]) for r in responses if r.get("reward") is not None]
    return (min(rewards), max(rewards)) if rewards else None
