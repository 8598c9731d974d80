"""What a test's marks say: its cases, whether it is left out, whether it is expected to fail."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.sandbox.inside.pytest_names import MARKS, Mark, Param

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a test: how its values are shown, the values by parameter, and all marks."""

    shown: str
    given: dict[str, Any]
    marks: tuple[Mark, ...]

    def skipped(self) -> bool:
        """Whether ``skip``, or a ``skipif`` that holds, leaves it out."""
        return any(m.name == "skip" or (m.name == "skipif" and _holds(m)) for m in self.marks)

    def expected_failure(self) -> Mark | None:
        """The ``xfail`` that holds, if there is one."""
        return next((m for m in self.marks if m.name == "xfail" and _holds(m)), None)


def marks_of(marked: Any) -> list[Mark]:
    """The marks of a function or class."""
    held = getattr(marked, MARKS, [])
    return [mark for mark in (held if isinstance(held, list) else [held]) if isinstance(mark, Mark)]


def cases(marks: Sequence[Mark]) -> Iterator[Case]:
    """Every combination of the rows of the marks ``parametrize``; one case without any."""
    tables = [_table(mark) for mark in marks if mark.name == "parametrize"]
    for rows in itertools.product(*tables):
        given = {name: value for row, _ in rows for name, value in row.items()}
        shown = ", ".join(repr(value)[:_SHOWN] for value in given.values())
        own = [mark for _, several in rows for mark in several]
        yield Case(f"[{shown}]" if tables else "", given, (*marks, *own))


def _table(mark: Mark) -> list[tuple[dict[str, Any], tuple[Mark, ...]]]:
    held = dict(zip(("argnames", "argvalues"), mark.args, strict=False)) | mark.kwargs
    if held.get("indirect"):
        raise TypeError("parametrize(indirect=…) needs fixtures, which are not given here")
    names = held["argnames"]
    keys = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else names
    single = isinstance(names, str) and len(keys) == 1  # names in a list want values in lists
    table = []
    for row in held["argvalues"]:
        marks = row.marks if isinstance(row, Param) else ()
        values = row.values if isinstance(row, Param) else (row,) if single else row
        table.append((dict(zip(keys, values, strict=True)), marks))
    return table


def _holds(mark: Mark) -> bool:
    conditions = [*mark.args, *(v for n, v in mark.kwargs.items() if n == "condition")]
    if any(isinstance(each, str) for each in conditions):
        raise TypeError(f"pytest.mark.{mark.name} with a condition as text is not read here")
    return all(conditions)
