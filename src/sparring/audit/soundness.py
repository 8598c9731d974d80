"""Examine the soundness of tasks: reference solutions confirm the tests, findings name the faults.

- Each task is examined by itself: its tests by its solutions (`repeat_solutions`, `verify_tests`),
  their inputs by its validator, tests that an idle program passes (`trivial_solutions`), and
  repeated tests.
- The caller (`sparring.audit.run`), which sees all tasks, looks for duplicate tasks and measures
  the strength of the tests.
- A test without a finding is not proved right: nothing is known about a task without a solution,
  and the finding `NO_SOLUTION` states this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.audit.flakiness import AuditSandboxes, every_test, repeat_solutions
from sparring.audit.trivial_solutions import find_vacuous
from sparring.audit.verified_tests import verify_tests
from sparring.grading import test_jobs
from sparring.grading.comparison import Grader, OutputComparison, rule_of
from sparring.grading.grade import allowed
from sparring.grading.limits import limits as limits_of
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox import Limits
from sparring.schema import Task, TestKind, Verdict
from sparring.tasks.cleaning.findings import Finding, TaskFault, short
from sparring.tasks.cleaning.repeats import Pair, same_input, same_inputs


@dataclass(frozen=True, slots=True)
class Care:
    """Care of an audit.

    - ``repeats``: executions of each solution on each test.
    - ``patience``: factor of the wider limits that are tried after a limit was met.
    - ``share``: share of the time limit above which a test is slow.
    """

    repeats: int = 3
    patience: float = 10.0
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Audited:
    """A task and its findings.

    - ``best``: index of the solution that passes the most tests; None if no solution passes one.
    - ``confirmed``: number of ground-truth tests that a solution passes every time.
    """

    task: Task
    findings: tuple[Finding, ...]
    best: int | None
    confirmed: int


def audit_tasks(
    bench: AuditSandboxes, tasks: Sequence[Task], general: Limits, care: Care
) -> list[Audited]:
    """Audit several tasks together.

    ``general`` has the limits that tasks do not state: idle time and size of the output.
    """
    grader = Grader(bench.usual)
    limits = [limits_of(task, general) for task in tasks]
    requests = [
        ExecutionRequest(task, source, every_test(task), limit)
        for task, limit in zip(tasks, limits, strict=True)
        for source in task.solutions
    ]
    rows = iter(repeat_solutions(bench, grader, requests, care.repeats, care.patience))
    idle = find_vacuous(bench.usual, grader, tasks, limits)
    invalid = _invalid(bench, tasks, limits)
    pairs = [same_inputs(task.tests) for task in tasks]
    grader.prepare(
        one
        for task, pairs_of_task in zip(tasks, pairs, strict=True)
        for pair in pairs_of_task
        for one in _both_ways(task, pair)
    )
    audited = []
    for i, task in enumerate(tasks):
        cells = [next(rows) for _ in task.solutions]
        refused = frozenset(f.test for f in invalid[i] if f.test is not None)
        verdict = verify_tests(task, cells, care.share, refused) if cells else None
        confirmed = verdict.confirmed if verdict else [False] * len(every_test(task))
        pair_findings = [
            f for pair in pairs[i] for f in _same_input_findings(grader, task, pair, confirmed)
        ]
        contradicted = {f.test for f in pair_findings if f.fault is TaskFault.CONTRADICTION}
        solution_findings = [
            f
            for f in (verdict.findings if verdict else [_no_solution(task)])
            if f.example or f.fault is not TaskFault.WRONG_OUTPUT or f.test not in contradicted
        ]
        nothing = [f for f in idle[i] if not _rightly_empty(task, f, confirmed)]
        findings = [*solution_findings, *invalid[i], *pair_findings, *nothing]
        findings.sort(key=lambda f: (f.test is None, f.example, f.test or 0))
        best = verdict.best if verdict else None
        audited.append(Audited(task, tuple(findings), best, sum(confirmed[: len(task.tests)])))
    return audited


def _rightly_empty(task: Task, finding: Finding, confirmed: Sequence[bool]) -> bool:
    """Return True if a solution confirms that the right answer to a test is no output.

    Such a test alone is not a fault, because other tests of the task catch a program that does
    nothing. A finding about the whole task (no ``test``) stays.
    """
    return (
        finding.test is not None
        and task.tests[finding.test].kind is TestKind.STDIN
        and not task.tests[finding.test].output.strip()
        and confirmed[finding.test]
    )


def _no_solution(task: Task) -> Finding:
    seen = "no reference solution: nothing confirms the tests"
    return Finding(task.id, TaskFault.NO_SOLUTION, seen, "add a solution, or use the task as it is")


def _invalid(
    bench: AuditSandboxes, tasks: Sequence[Task], limits: Sequence[Limits]
) -> list[list[Finding]]:
    """Return, for each task, a finding for each input that its validator refuses."""
    requests = [
        ExecutionRequest(
            task, task.validator, tuple(t for t in task.tests if t.kind is TestKind.STDIN), limit
        )
        for task, limit in zip(tasks, limits, strict=True)
        if task.validator is not None
    ]
    rows = iter(test_jobs.run(bench.usual, requests))
    findings: list[list[Finding]] = []
    for task in tasks:
        findings.append([])
        if task.validator is None:
            continue
        outcomes = iter(next(rows))
        for i, test in enumerate(task.tests):
            if test.kind is not TestKind.STDIN:
                continue
            outcome = next(outcomes)
            if not allowed(outcome) and outcome.verdict is not Verdict.INFRA:
                what = outcome.output.strip() or outcome.detail or outcome.verdict.value
                seen = f"the validator says of {short(test.input)}: {short(what)}"
                advice = "leave the test out, or correct its input or the validator"
                findings[-1].append(Finding(task.id, TaskFault.INVALID_INPUT, seen, advice, i))
    return findings


def _both_ways(task: Task, pair: Pair) -> list[OutputComparison]:
    """Return the comparisons of each test's answer with the other test's answer."""
    test, first = task.tests[pair.test], task.tests[pair.first]
    return [
        OutputComparison.of(task, test, first.output),
        OutputComparison.of(task, first, test.output),
    ]


def _same_input_findings(
    grader: Grader, task: Task, pair: Pair, confirmed: Sequence[bool]
) -> list[Finding]:
    """Return the findings on two tests with one input: a duplicate, a contradiction, or none."""
    test, first = task.tests[pair.test], task.tests[pair.first]
    verdicts = [grader.verdict(one)[0] for one in _both_ways(task, pair)]
    if Verdict.INFRA in verdicts:  # the task's checker program could not run
        return []
    if test.output == first.output or Verdict.ACCEPTED in verdicts:
        # Under different rules one test may check more than the other, so both are kept.
        if rule_of(task, test) != rule_of(task, first):
            return []
        seen = f"the same input and answer as test {pair.first}"
        return [Finding(task.id, TaskFault.DUPLICATE, seen, "leave it out", pair.test)]
    both = [pair.first, pair.test]
    told_apart = test.input != first.input and all(confirmed[i] for i in both)
    if told_apart or not same_input(test, first):
        return []  # the difference in white space explains the different outputs
    doubted = [i for i in both if not confirmed[i]] or both
    seen = (
        f"tests {pair.first} and {pair.test} have the same input and expect "
        f"{short(first.output)} and {short(test.output)}"
    )
    advice = "leave out the wrong test; only a solution can tell which"
    if len(doubted) == 1:
        advice = "leave this test out: a solution passes the other"
    return [Finding(task.id, TaskFault.CONTRADICTION, seen, advice, i) for i in doubted]
