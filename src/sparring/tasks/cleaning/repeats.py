"""What occurs twice in a data set: tests in a task, and tasks.

Inputs are alike up to white space at the ends of lines, which few statements mean. An example that
is also a ground-truth test is usual and no finding. Contradictions need the checker, and with it
perhaps a program; so here they are only pairs, for `audit.soundness` to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.schema import Kind, Task, Test
from sparring.tasks.cleaning.findings import Fault, Finding


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ground-truth tests of a task with the same input: the later one and the first."""

    test: int
    first: int


def same_inputs(tests: Sequence[Test]) -> list[Pair]:
    """Every test whose input an earlier one had, to the letter if there is such a one."""
    seen: dict[tuple[Kind, str], int] = {}
    alike: dict[tuple[Kind, str], int] = {}
    found = []
    for i, test in enumerate(tests):
        first = seen.setdefault((test.kind, test.input), i)
        near = alike.setdefault((test.kind, _trimmed(test.input)), i)
        if first != i:
            found.append(Pair(i, first))
        elif near != i:
            found.append(Pair(i, near))
    return found


def same_to_the_letter(one: Test, other: Test) -> bool:
    """Whether two inputs are equal but for how lines end: no program is asked to tell them apart.
    Blank lines and spaces at the ends of lines may be what a task is about."""
    return _exact(one.input) == _exact(other.input)


def duplicate_tasks(tasks: Sequence[Task]) -> Iterator[Finding]:
    """Tasks that are an earlier one again: by statement, or by all of their tests.

    One or two tests, or tests of one output, may coincide: then the statement decides. Statements
    that differ in capitals may ask for different things ("count the letter a"): then it takes most
    of the tests as well.
    """
    by_statement: dict[tuple[str, str | None], Task] = {}
    by_tests: dict[frozenset[tuple[str, str]], Task] = {}
    for task in tasks:
        statement = (_words(task).lower(), task.entry_point)
        tests = _pairs(task)
        first = by_statement.setdefault(statement, task)
        if first is not task and (_words(first) == _words(task) or _mostly(first, tests)):
            yield _again(task, first, "the statement")
            continue
        telling = len(tests) > _COINCIDE and len({output for _, output in tests}) > 1
        if telling and (first := by_tests.setdefault(tests, task)) is not task:
            yield _again(task, first, "every test")


_COINCIDE = 2
"""Tests that tasks of different statements may share: 0 and 2 have squares and doubles alike."""


def _words(task: Task) -> str:
    return " ".join(task.statement.split())


def _pairs(task: Task) -> frozenset[tuple[str, str]]:
    return frozenset((_exact(t.input), _trimmed(t.output)) for t in task.tests)


def _mostly(first: Task, tests: frozenset[tuple[str, str]]) -> bool:
    other = _pairs(first)
    return 2 * len(other & tests) > min(len(other), len(tests))


def _again(task: Task, first: Task, what: str) -> Finding:
    return Finding(
        task.id, Fault.DUPLICATE_TASK, f"{what} is that of {first.id}", "keep one of the two"
    )


def _exact(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\n")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")
