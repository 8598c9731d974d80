"""Summary of task files: counts to compare with published figures of a data set.

The summary only counts. `sparring.audit` runs programs to find out if tests are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sparring.schema import Task
from sparring.tasks.checkers.checker import parse_checker

LISTED = 10
"""Most values of a property (difficulty, limit, …) that are listed; the others are counted."""


def summary(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    """Return rows of text for people: (property of the tasks, number of tasks or tests)."""
    tests = sorted(len(t.tests) for t in tasks)
    lengths = sorted(len(t.statement) for t in tasks)
    rows = [
        ("tests", f"{sum(tests):,}"),
        ("tests per task: fewest, median, most", _spread(tests)),
        ("characters of a statement", _spread(lengths)),
        ("with public examples", f"{sum(bool(t.examples) for t in tasks):,}"),
        ("with reference solutions", f"{sum(bool(t.solutions) for t in tasks):,}"),
        ("with a validator", f"{sum(t.validator is not None for t in tasks):,}"),
        ("that define a function", f"{sum(t.entry_point is not None for t in tasks):,}"),
    ]
    counts = {
        "tests of kind": Counter(str(x.kind) for t in tasks for x in t.tests),
        "difficulty": Counter(t.difficulty or "not stated" for t in tasks),
        "time limit": Counter(f"{t.time_limit:g} s" for t in tasks),
        "memory limit": Counter(f"{t.memory_limit} MiB" for t in tasks),
        "checker": Counter(str(parse_checker(t.checker)) for t in tasks),
    }
    for title, counted in counts.items():
        common = counted.most_common(LISTED)
        rows += [(f"{title}: {name}", f"{count:,}") for name, count in common]
        if len(counted) > LISTED:
            rest = sum(counted.values()) - sum(count for _, count in common)
            rows.append((f"{title}: {len(counted) - LISTED} others", f"{rest:,}"))
    return rows


def _spread(ordered: Sequence[int]) -> str:
    return f"{ordered[0]:,}, {ordered[len(ordered) // 2]:,}, {ordered[-1]:,}"
