"""What there is in task files: counts that show at a glance whether a set is what it should be.

Rows of text for people; nothing is judged here (whether tests are right takes running them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sparring.schema import Task
from sparring.tasks.checkers.checker import parse_checker

LISTED = 10
"""Of difficulties, limits and the like the most common ones; the rest is counted."""


def summary(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    """What there is in tasks, as (what, how much) for people."""
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
