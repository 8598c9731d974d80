"""A recorded group in a line: who was correct, what was paid, what was dropped. Read from the
record as it stands, because every group of a run has a line."""

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
"""What `summary_row` holds, in order."""
_NAME = 500
"""Characters of a task's name that every page repeats."""


def summary_row(record: Mapping[str, Any]) -> list[Any]:
    """A group in a line. ``accepted``: valid tests that every correct program passes; ``masked``:
    cells that our own failures left without a label; rewards are means over the labelled."""
    programs, tests = record["programs"], record["tests"]
    correct = correct_rows(record)
    own = correct[: len(programs)]
    known = any(correct)
    return [
        record["task"]["id"][:_NAME],
        len(programs),
        sum(c is True for c in own),
        len(programs) - sum(c is not None for c in own),
        len(tests),
        sum(bool(t["accepts_correct"] and t["valid"]) for t in tests) if known else None,
        sum(not t["valid"] for t in tests),
        sum(o["verdict"] == Verdict.INFRA for p in programs for o in p["runs"]),
        _mean([p["reward"] for p in programs]),
        _mean([t["reward"] for t in tests]),
        record["dropped"]["coder"],
        record["dropped"]["tester"],
    ]


def correct_rows(record: Mapping[str, Any]) -> list[bool | None]:
    """Whether each program, opponents' after the group's own, is correct: by ground truth, or by
    the supervising tests that were kept. None: nobody knows. Read from the record as it stands,
    because every group of a run has a row."""
    rows = [*record["programs"], *record.get("opponents", ())]
    runs = [p["runs"] for p in rows]
    keep = [True] * len(record["task"]["tests"])
    if (supervision := record.get("supervision")) is not None:
        runs = [*(supervision["runs"] or ()), *(supervision["opponents_runs"] or ())]
        keep = [t["kept"] for t in supervision["tests"] if t["input"] is not None]
    found = [
        passes_all([o["verdict"] for o, kept in zip(row, keep, strict=False) if kept])
        for row in runs
    ]
    return found + [None] * (len(rows) - len(found))


def passes_all(verdicts: Sequence[str]) -> bool | None:
    """Whether a program passed all of its tests; None where one is masked and none failed, or
    there is none."""
    if any(v not in (Verdict.ACCEPTED, Verdict.INFRA) for v in verdicts):
        return False
    return None if not verdicts or Verdict.INFRA in verdicts else True


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(sum(known) / len(known), 4) if known else None


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of a group."""

    task: str
    correct: tuple[int, int]
    right: tuple[int, int] | None
    rewards: Mapping[Role, tuple[float, float] | None]
    dropped: Mapping[Role, str | None]


def row_of(record: Mapping[str, Any]) -> Row:
    """What is kept of a record."""
    programs, tests = record["programs"], record["tests"]
    known = [t["right"] for t in tests if t["right"] is not None]
    dropped = record.get("dropped", {})
    return Row(
        task=str(record["task"]["id"]),
        correct=(sum(bool(p.get("correct")) for p in programs), len(programs)),
        right=(sum(map(bool, known)), len(known)) if known else None,
        rewards={Role.CODER: _range(programs), Role.TESTER: _range(tests)},
        dropped={role: dropped.get(role.value) for role in Role},
    )


def _range(responses: list[Mapping[str, Any]]) -> tuple[float, float] | None:
    known = [float(r["reward"]) for r in responses if r.get("reward") is not None]
    return (min(known), max(known)) if known else None
