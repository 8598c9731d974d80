"""Verify the tests of a task, and its reference solutions, by the executions of the solutions.

- A test is confirmed if one solution passes it in every repetition, whatever other solutions do.
- For a test that no solution passes, the finding names the reason on which the solutions agree.
- A solution that passes no test at all does not count as evidence, unless the statement or a
  lenient rule suggests that its answers are right too.
- This module executes nothing; all executions come from `flakiness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring import values
from sparring.audit.flakiness import SolutionOutcome, SolutionState, every_test
from sparring.grading.comparison import rule_of
from sparring.schema import Task, Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule, parse_checker
from sparring.tasks.checkers.lenient import LenientChecker, allows_several_answers, lenient_checker
from sparring.tasks.cleaning.findings import Finding, TaskFault, short

_LISTED = 5


@dataclass(frozen=True, slots=True)
class VerifiedTests:
    """Verdict on the tests of a task.

    - ``best``: index of the solution that passes the most tests; None if no solution passes one.
    - ``confirmed``: for each test of `every_test`, True if a solution passes it every time.
    """

    findings: list[Finding]
    best: int | None
    confirmed: list[bool]


def verify_tests(
    task: Task,
    cells_ST: Sequence[Sequence[SolutionOutcome]],
    share: float,
    refused: frozenset[int] = frozenset(),
) -> VerifiedTests:
    """Verify the tests of a task by the solutions' results, [S, T].

    T counts the tests of `every_test`, S the solutions, at least one. A test is slow if the fastest
    solution needs more than ``share`` of the time limit. ``refused`` are the tests with forbidden
    inputs, on which no solution is graded.
    """
    tests = every_test(task)
    right = [sum(c.state is SolutionState.RIGHT for c in row) for row in cells_ST]
    useless = [
        _no_program(row) or (len(tests) > 1 and not any(c.state in _TELLING for c in row))
        for row in cells_ST
    ]
    witnesses = [s for s in range(len(cells_ST)) if not useless[s]]
    findings: list[Finding] = []
    failing: dict[int, list[int]] = {}
    confirmed = []
    for t, test in enumerate(tests):
        if t in refused:
            confirmed.append(False)
            continue
        where = _Where(task, test, t)
        cells = [row[t] for row in cells_ST]
        passing = [c for c in cells if c.state is SolutionState.RIGHT]
        confirmed.append(bool(passing))
        if passing:
            findings += _slow(where, passing, share)
            for s, cell in enumerate(cells):
                if cell.state is SolutionState.FLAKY:
                    findings.append(_flaky(where, cell, s))
                elif (other := _other_right_form(where, cell)) is not None:
                    findings.append(_several(where, [cell], other))
                elif cell.state not in (SolutionState.RIGHT, SolutionState.UNKNOWN):
                    failing.setdefault(s, []).append(t)
        else:
            findings += _unconfirmed(where, cells, [cells[s] for s in witnesses])
    for s, row in enumerate(cells_ST):
        if useless[s] and s not in failing and not _explained(findings, len(tests)):
            failing[s] = [t for t, c in enumerate(row) if c.state is not SolutionState.UNKNOWN]
        if failing.get(s):
            findings.append(_failing(task, s, [row[t] for t in failing[s]], failing[s], len(tests)))
    best = max(range(len(right)), key=right.__getitem__, default=None)
    return VerifiedTests(findings, best if best is not None and right[best] else None, confirmed)


def _no_program(row: Sequence[SolutionOutcome]) -> bool:
    """Return True if a solution fails before it reads anything, so that no input is to blame."""
    return all(c.state is SolutionState.CRASHED and c.detail.startswith(_NO_PROGRAM) for c in row)


_NO_PROGRAM = (
    "SyntaxError:", "IndentationError:", "TabError:", "NameError: the program defines no "
)  # fmt: skip
_TELLING = (SolutionState.RIGHT, SolutionState.LATE, SolutionState.FLAKY, SolutionState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Where:
    task: Task
    test: Test
    column: int

    def finding(
        self, fault: TaskFault, seen: str, advice: str, solution: int | None = None
    ) -> Finding:
        test, example = place(self.task, self.column)
        return Finding(self.task.id, fault, seen, advice, test, example, solution)

    def shown(self, output: str) -> str:
        return short(values.show(output) if self.test.kind is TestKind.CALL else output)


def place(task: Task, column: int) -> tuple[int, bool]:
    """Return the index of a column's test, and True if the test is a public example."""
    ground = len(task.tests)
    return (column, False) if column < ground else (column - ground, True)


def _slow(where: _Where, passing: Sequence[SolutionOutcome], share: float) -> Iterator[Finding]:
    seconds = min(c.seconds for c in passing)
    limit = where.task.time_limit
    if seconds > share * limit:
        seen = f"the fastest solution takes {seconds:.2f} of {limit:g} CPU seconds"
        yield where.finding(TaskFault.SLOW, seen, "raise the limit, or make the input smaller")


def _flaky(where: _Where, cell: SolutionOutcome, solution: int | None) -> Finding:
    seen = (
        f"the output {cell.cause}: {where.shown(cell.output or cell.detail)}, then "
        f"{where.shown(cell.other)}"
    )
    advice = "leave the test out" if solution is None else "leave the solution out"
    return where.finding(TaskFault.FLAKY, seen, advice, solution)


def _other_right_form(where: _Where, cell: SolutionOutcome) -> LenientChecker | None:
    """Return how a refused output may still be right; None if nothing suggests that it is."""
    if cell.state is not SolutionState.WRONG:
        return None
    rule = rule_of(where.task, where.test)
    lenient = lenient_checker(rule, cell.output, where.test.output, where.test.kind)
    if (
        lenient is None
        and where.test.kind is not TestKind.SCRIPT
        and allows_several_answers(where.task.statement)
    ):
        return LenientChecker("the statement allows any of several answers", None)
    return lenient


def _several(where: _Where, cells: Sequence[SolutionOutcome], how: LenientChecker) -> Finding:
    seen = (
        f"expected {where.shown(where.test.output)}, a solution gives "
        f"{where.shown(cells[0].output)}: {how.how}"
    )
    advice = (
        f"give the task the checker {how.checker}"
        if how.checker
        else "give the task a checker program"
    )
    return where.finding(TaskFault.SEVERAL_ANSWERS, seen, advice)


def _unconfirmed(
    where: _Where, cells: Sequence[SolutionOutcome], witnesses: Sequence[SolutionOutcome]
) -> Iterator[Finding]:
    """Yield a finding that says why no solution passes a test.

    The outcome that tells most about the reason decides which finding this is.
    """
    for cell in cells:
        other = _other_right_form(where, cell)
        if other is not None:
            yield _several(where, [cell], other)
            return
    by_state: dict[SolutionState, list[SolutionOutcome]] = {}
    for cell in witnesses:
        by_state.setdefault(cell.state, []).append(cell)
    if SolutionState.FLAKY in by_state:
        yield _flaky(where, by_state[SolutionState.FLAKY][0], None)
    elif SolutionState.LATE in by_state:
        advice = "raise the limit, or leave the test out"
        yield where.finding(
            TaskFault.LIMIT_TOO_STRICT, by_state[SolutionState.LATE][0].detail, advice
        )
    elif SolutionState.WRONG in by_state:
        yield _wrong(where, by_state[SolutionState.WRONG])
    elif SolutionState.CRASHED in by_state and where.test.kind is TestKind.SCRIPT:
        yield _wrong(where, by_state[SolutionState.CRASHED])  # the failing input inside is unknown
    elif SolutionState.CRASHED in by_state:
        seen = f"every solution fails on it: {short(by_state[SolutionState.CRASHED][0].detail)}"
        yield where.finding(
            TaskFault.INVALID_INPUT, seen, "leave the test out or correct its input"
        )
    elif SolutionState.UNFINISHED in by_state:
        seen = f"no solution ends within the limits: {by_state[SolutionState.UNFINISHED][0].detail}"
        yield where.finding(
            TaskFault.UNFINISHED, seen, "leave the test out, or correct the solution"
        )
    elif SolutionState.UNKNOWN in by_state:
        yield where.finding(
            TaskFault.UNKNOWN, "a failure of the sandbox itself", "run the audit again"
        )


def _wrong(where: _Where, cells: Sequence[SolutionOutcome]) -> Finding:
    if where.test.kind is TestKind.SCRIPT:
        seen = f"no solution passes the script: {short(cells[0].detail)}"
        return where.finding(TaskFault.WRONG_OUTPUT, seen, "correct the script or the solution")
    outputs = list(dict.fromkeys(where.shown(c.output) for c in cells))
    subject = "the solution gives" if len(cells) == 1 else f"all {len(cells)} solutions give"
    seen = f"expected {where.shown(where.test.output)}, {subject} {outputs[0]}"
    if len(outputs) > 1:
        seen = (
            f"expected {where.shown(where.test.output)}, and the solutions do not agree: "
            f"{' or '.join(outputs[:_LISTED])}"
        )
    if parse_checker(rule_of(where.task, where.test)).rule is CheckerRule.PROGRAM:
        seen += f" (the checker program: {short(cells[0].detail)})"
    return where.finding(TaskFault.WRONG_OUTPUT, seen, "leave the test out or correct its output")


def _explained(findings: Sequence[Finding], count: int) -> bool:
    """Return True if all tests have several answers: a solution that passes none may be right."""
    several = {(f.test, f.example) for f in findings if f.fault is TaskFault.SEVERAL_ANSWERS}
    return len(several) == count


def _failing(
    task: Task, solution: int, cells: Sequence[SolutionOutcome], failed: Sequence[int], count: int
) -> Finding:
    tests = [
        f"{'example ' * example}{number}" for number, example in (place(task, t) for t in failed)
    ]
    more = f" and {len(tests) - _LISTED} more" if len(tests) > _LISTED else ""
    named_tests = f"test{'s' * (len(tests) > 1)} {', '.join(tests[:_LISTED])}{more}"
    if len(failed) == count:
        named_tests = "every test"
    how = short(cells[0].detail)
    if cells[0].state is SolutionState.WRONG and cells[0].output:
        how = f"it gives {short(cells[0].output)}"
    seen = f"fails {named_tests}; on the first: {how}"
    advice = "leave the solution out"
    return Finding(task.id, TaskFault.SOLUTION_FAILS, seen, advice, solution=solution)
