"""Reading a test's marks: its cases, a reason to skip it, an expected failure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.sandbox.inside.pytest_names import MARKS, Mark, Param

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Case:
    """One call of a test: the values as text, the values by parameter, and all marks."""

    shown: str
    values: dict[str, Any]
    marks: tuple[Mark, ...]

    def skipped(self) -> bool:
        """Return whether ``skip``, or a ``skipif`` whose condition holds, leaves the case out."""
        return any(m.name == "skip" or (m.name == "skipif" and _holds(m)) for m in self.marks)

    def expected_failure(self) -> Mark | None:
        """Return the ``xfail`` whose condition holds, if the case has one."""
        return next((m for m in self.marks if m.name == "xfail" and _holds(m)), None)


def marks_of(marked: Any) -> list[Mark]:
    """Return the marks of a function or class."""
    marks = getattr(marked, MARKS, [])
    return [
        mark for mark in (marks if isinstance(marks, list) else [marks]) if isinstance(mark, Mark)
    ]


def cases(marks: Sequence[Mark]) -> Iterator[Case]:
    """Yield every combination of the rows of the ``parametrize`` marks; one case without any."""
    tables = [_table(mark) for mark in marks if mark.name == "parametrize"]
    for rows in itertools.product(*tables):
        values = {name: value for row, _ in rows for name, value in row.items()}
        shown = ", ".join(repr(value)[:_SHOWN] for value in values.values())
        own = [mark for _, row_marks in rows for mark in row_marks]
        yield Case(f"[{shown}]" if tables else "", values, (*marks, *own))


def _table(mark: Mark) -> list[tuple[dict[str, Any], tuple[Mark, ...]]]:
    arguments = dict(zip(("argnames", "argvalues"), mark.args, strict=False)) | mark.kwargs
    if arguments.get("indirect"):
        raise TypeError("parametrize(indirect=…) needs fixtures, which the sandbox lacks")
    names = arguments["argnames"]
    keys = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else names
    single = isinstance(names, str) and len(keys) == 1  # names in a list want values in lists
    table = []
    for row in arguments["argvalues"]:
        marks = row.marks if isinstance(row, Param) else ()
        values = row.values if isinstance(row, Param) else (row,) if single else row
        table.append((dict(zip(keys, values, strict=True)), marks))
    return table


def _holds(mark: Mark) -> bool:
    conditions = [*mark.args, *(v for n, v in mark.kwargs.items() if n == "condition")]
    if any(isinstance(each, str) for each in conditions):
        raise TypeError(f"pytest.mark.{mark.name}: a condition as text is not supported here")
    return all(conditions)
