"""Find repeated tests within a task, and repeated tasks.

- Two inputs count as the same if they differ only in white space at the ends of lines, because few
  statements are about such white space.
- An example that is also a ground-truth test is common, and not a finding.
- Only the checker, which may be a program, can tell if two tests contradict each other. So this
  module only finds pairs with the same input; `audit.soundness` compares their outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.schema import Task, Test, TestKind
from sparring.tasks.cleaning.findings import Finding, TaskFault


@dataclass(frozen=True, slots=True)
class Pair:
    """Indices of two ground-truth tests with the same input: the later and the first."""

    test: int
    first: int


def same_inputs(tests: Sequence[Test]) -> list[Pair]:
    """Return a pair for every test whose input repeats an earlier input.

    An earlier test with exactly the same input is preferred.
    """
    seen: dict[tuple[TestKind, str], int] = {}
    alike: dict[tuple[TestKind, str], int] = {}
    pairs = []
    for i, test in enumerate(tests):
        first = seen.setdefault((test.kind, test.input), i)
        near = alike.setdefault((test.kind, _trimmed(test.input)), i)
        if first != i:
            pairs.append(Pair(i, first))
        elif near != i:
            pairs.append(Pair(i, near))
    return pairs


def same_input(one: Test, other: Test) -> bool:
    """Return True if two inputs are equal apart from the kind of line ends.

    No program has to tell such inputs apart. Blank lines, and spaces at the ends of lines, count
    as differences, because a task may be about them.
    """
    return _exact(one.input) == _exact(other.input)


def duplicate_tasks(tasks: Sequence[Task]) -> Iterator[Finding]:
    """Yield a finding for each task that repeats an earlier one, by statement or by all tests.

    - One or two tests, or tests with one output, may coincide: then only the statement decides.
    - Statements that differ only in capitals may be two tasks ("count the letter a"): they repeat
      only if most tests are equal too.
    """
    by_statement: dict[tuple[str, str | None], Task] = {}
    by_tests: dict[frozenset[tuple[str, str]], Task] = {}
    for task in tasks:
        statement = (_words(task).lower(), task.entry_point)
        tests = _pairs(task)
        first = by_statement.setdefault(statement, task)
        if first is not task and (_words(first) == _words(task) or _mostly(first, tests)):
            yield _duplicate_finding(task, first, "the statement")
            continue
        telling = len(tests) > _COINCIDE and len({output for _, output in tests}) > 1
        if telling and (first := by_tests.setdefault(tests, task)) is not task:
            yield _duplicate_finding(task, first, "every test")


_COINCIDE = 2
"""Most tests that different tasks may share by chance: 0 and 2 have equal squares and doubles."""


def _words(task: Task) -> str:
    return " ".join(task.statement.split())


def _pairs(task: Task) -> frozenset[tuple[str, str]]:
    return frozenset((_exact(t.input), _trimmed(t.output)) for t in task.tests)


def _mostly(first: Task, tests: frozenset[tuple[str, str]]) -> bool:
    other = _pairs(first)
    return 2 * len(other & tests) > min(len(other), len(tests))


def _duplicate_finding(task: Task, first: Task, what: str) -> Finding:
    return Finding(
        task.id,
        TaskFault.DUPLICATE_TASK,
        f"{what} equals that of {first.id}",
        "keep one of the two",
    )


def _exact(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\n")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")
