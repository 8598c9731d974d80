"""A program on tests of several kinds: a job for each kind, and one row of outcomes again.

The sandbox runs a program on inputs of one kind. A task's tests may be calls and scripts at once,
and whoever fills a matrix thinks in tests, in their order. So `jobs` and `row` belong together:
the outcomes of what `jobs` gives, in its order, are what `row` takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparring.sandbox import Job, Limits
from sparring.schema import Kind, Outcome, Task, Test


def jobs(program: str, tests: Sequence[Test], limit: Limits, task: Task) -> list[Job]:
    """The program on these tests: one job per kind among them, none without tests."""
    return [
        Job(
            program,
            tuple(t.input for t in tests if t.kind is kind),
            limit,
            kind,
            "" if kind is Kind.STDIN else task.entry_point or "",
        )
        for kind in _kinds(tests)
    ]


def row(tests: Sequence[Test], found: Iterator[tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
    """The outcomes of these tests in order, taken from the results of `jobs`."""
    by_kind = {kind: iter(next(found)) for kind in _kinds(tests)}
    return tuple(next(by_kind[t.kind]) for t in tests)


def _kinds(tests: Sequence[Test]) -> list[Kind]:
    present = {t.kind for t in tests}
    return [kind for kind in Kind if kind in present]
