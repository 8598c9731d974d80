"""What occurs twice in a data set: tests in a task, and tasks.

Inputs are equal up to white space at the ends of lines, which no statement means. An example that
is also a ground-truth test is usual and no finding. Contradictions need the checker, and with it
perhaps a program; so here they are only pairs, for `pipelines.audit` to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.schema import Kind, Task, Test
from sparring.tasks.findings import Fault, Finding


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ground-truth tests of a task with the same input: the later one and the first."""

    test: int
    first: int


def same_inputs(tests: Sequence[Test]) -> list[Pair]:
    """Every test whose input an earlier one had."""
    seen: dict[tuple[Kind, str | None, str], int] = {}
    found = []
    for i, test in enumerate(tests):
        key = (test.kind, test.checker, _trimmed(test.input))
        first = seen.setdefault(key, i)
        if first != i:
            found.append(Pair(i, first))
    return found


def duplicate_tasks(tasks: Sequence[Task]) -> Iterator[Finding]:
    """Tasks that are an earlier one again: by statement, or by all of their tests.

    One test, or tests of one output, may coincide: then the statement decides.
    """
    by_statement: dict[tuple[str, str | None], Task] = {}
    by_tests: dict[frozenset[tuple[str, str]], Task] = {}
    for task in tasks:
        statement = (" ".join(task.statement.lower().split()), task.entry_point)
        tests = frozenset((_trimmed(t.input), _trimmed(t.output)) for t in task.tests)
        if (first := by_statement.setdefault(statement, task)) is not task:
            yield _again(task, first, "the statement")
            continue
        telling = len({output for _, output in tests}) > 1
        if telling and (first := by_tests.setdefault(tests, task)) is not task:
            yield _again(task, first, "every test")


def _again(task: Task, first: Task, what: str) -> Finding:
    return Finding(
        task.id, Fault.DUPLICATE_TASK, f"{what} is that of {first.id}", "keep one of the two"
    )


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")
