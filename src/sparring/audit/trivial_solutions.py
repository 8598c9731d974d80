"""Trivial solutions: programs that do nothing, and the tests and tasks that they pass.

The trivial solutions are:

- a program that prints nothing;
- for scripts, a function whose value equals nothing;
- a program that prints its input, or a function that returns its first argument;
- a program that always gives the same output.

A test is vacuous if one of the first two passes it. The last two may pass a single test of a sound
task, so they count only if a task has at least two tests and they pass all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sparring import values
from sparring.grading import test_jobs
from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox import Limits, Runs
from sparring.schema import Task, Test, TestKind, Verdict
from sparring.tasks.cleaning.findings import Finding, TaskFault, short

_CONSTANTS = 3


def find_vacuous(
    sandbox: Runs, grader: Grader, tasks: Sequence[Task], limits: Sequence[Limits]
) -> list[list[Finding]]:
    """Return, for each task, findings on the tests that trivial solutions pass."""
    grader.prepare(one for task in tasks for one in _comparisons(task))
    requests = [
        ExecutionRequest(task, _idle(task.entry_point), tuple(_scripts(task)), limit)
        for task, limit in zip(tasks, limits, strict=True)
        if task.entry_point is not None and _scripts(task)
    ]
    passed = {
        (request.task.id, test.input)
        for request, row in zip(requests, test_jobs.run(sandbox, requests), strict=True)
        for test, outcome in zip(request.tests, row, strict=True)
        if outcome.verdict is Verdict.ACCEPTED
    }
    return [list(_findings(grader, task, passed)) for task in tasks]


def _findings(
    grader: Grader, task: Task, passed_scripts: set[tuple[str, str]]
) -> Iterator[Finding]:
    idle = [
        (task.id, t.input) in passed_scripts
        if t.kind is TestKind.SCRIPT
        else t.kind is TestKind.STDIN and _accepted(grader, task, t, "")
        for t in task.tests
    ]
    if len(idle) > 1 and all(idle):
        yield _whole_task_finding(task, "a program that does nothing")
        return
    for i, test in enumerate(task.tests):
        if idle[i]:
            how = (
                "a function whose value equals nothing passes it: it asserts nothing"
                if test.kind is TestKind.SCRIPT
                else "a program that prints nothing passes it"
            )
            advice = "leave the test out, unless a solution shows that no output is the answer"
            yield Finding(task.id, TaskFault.VACUOUS, how, advice, i)
    if len(task.tests) < 2 or any(t.kind is TestKind.SCRIPT for t in task.tests):
        return
    if all(_accepted(grader, task, t, _echo(t)) for t in task.tests):
        yield _whole_task_finding(task, "a program that returns its input")
        return
    for output in _constants(task):
        if all(_accepted(grader, task, t, output) for t in task.tests):
            yield _whole_task_finding(task, f"a program that always gives {short(output)}")
            return


def _whole_task_finding(task: Task, what: str) -> Finding:
    advice = "add tests with other answers, or leave the task out"
    return Finding(task.id, TaskFault.VACUOUS, f"{what} passes all of its tests", advice)


def _accepted(grader: Grader, task: Task, test: Test, output: str) -> bool:
    return grader.verdict(OutputComparison.of(task, test, output))[0] is Verdict.ACCEPTED


def _comparisons(task: Task) -> Iterator[OutputComparison]:
    for test in task.tests:
        if test.kind is not TestKind.SCRIPT:
            for output in ("", _echo(test), *_constants(task)):
                yield OutputComparison.of(task, test, output)


def _constants(task: Task) -> list[str]:
    return [output for output, _ in Counter(t.output for t in task.tests).most_common(_CONSTANTS)]


def _echo(test: Test) -> str:
    if test.kind is not TestKind.CALL:
        return test.input
    try:
        arguments, _ = values.decode(test.input)
        return values.encode(arguments[0])
    except (values.NotPlain, TypeError, ValueError, LookupError):
        return ""


def _scripts(task: Task) -> list[Test]:
    return [test for test in task.tests if test.kind is TestKind.SCRIPT]


def _idle(entry_point: str | None) -> str:
    name, _, method = (entry_point or "").partition(".")
    if not method:
        return f"def {name}(*arguments, **named):\n    return object()\n"
    return f"class {name}:\n    def {method}(self, *arguments, **named):\n        return object()\n"
