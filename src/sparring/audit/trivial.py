"""Trivial solutions: programs that do nothing, and the tests and tasks that they pass.

The trivial solutions are:

- a program that prints nothing;
- for scripts, a function whose value equals nothing;
- a program that prints its input, or a function that returns its first argument;
- a program that always gives the same output.

A test is vacuous if one of the first two passes it. The last two may pass a single test of a sound
task, so that they count only if they pass all tests of a task, at least two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sparring import values
from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.comparison import Comparison, Grader
from sparring.sandbox import Limits, Runs
from sparring.schema import Kind, Task, Test, Verdict
from sparring.tasks.cleaning.findings import Fault, Finding, short

_CONSTANTS = 3


def vacuous(
    sandbox: Runs, grader: Grader, tasks: Sequence[Task], limits: Sequence[Limits]
) -> list[list[Finding]]:
    """Return, for each task, findings on the tests that trivial solutions pass."""
    grader.prepare(one for task in tasks for one in _comparisons(task))
    asks = [
        Ask(task, _idle(task.entry_point), tuple(_scripts(task)), limit)
        for task, limit in zip(tasks, limits, strict=True)
        if task.entry_point is not None and _scripts(task)
    ]
    passed = {
        (ask.task.id, test.input)
        for ask, row in zip(asks, columns.run(sandbox, asks), strict=True)
        for test, outcome in zip(ask.tests, row, strict=True)
        if outcome.verdict is Verdict.ACCEPTED
    }
    return [list(_findings(grader, task, passed)) for task in tasks]


def _findings(
    grader: Grader, task: Task, passed_scripts: set[tuple[str, str]]
) -> Iterator[Finding]:
    idle = [
        (task.id, t.input) in passed_scripts
        if t.kind is Kind.SCRIPT
        else t.kind is Kind.STDIN and _accepted(grader, task, t, "")
        for t in task.tests
    ]
    if len(idle) > 1 and all(idle):
        yield _whole(task, "a program that does nothing")
        return
    for i, test in enumerate(task.tests):
        if idle[i]:
            how = (
                "a function whose value equals nothing passes it: it asserts nothing"
                if test.kind is Kind.SCRIPT
                else "a program that prints nothing passes it"
            )
            advice = "leave the test out, unless a solution shows that no output is the answer"
            yield Finding(task.id, Fault.VACUOUS, how, advice, i)
    if len(task.tests) < 2 or any(t.kind is Kind.SCRIPT for t in task.tests):
        return
    if all(_accepted(grader, task, t, _echo(t)) for t in task.tests):
        yield _whole(task, "a program that returns its input")
        return
    for output in _constants(task):
        if all(_accepted(grader, task, t, output) for t in task.tests):
            yield _whole(task, f"a program that always gives {short(output)}")
            return


def _whole(task: Task, what: str) -> Finding:
    advice = "add tests with other answers, or leave the task out"
    return Finding(task.id, Fault.VACUOUS, f"{what} passes all of its tests", advice)


def _accepted(grader: Grader, task: Task, test: Test, output: str) -> bool:
    return grader.verdict(Comparison.of(task, test, output))[0] is Verdict.ACCEPTED


def _comparisons(task: Task) -> Iterator[Comparison]:
    for test in task.tests:
        if test.kind is not Kind.SCRIPT:
            for output in ("", _echo(test), *_constants(task)):
                yield Comparison.of(task, test, output)


def _constants(task: Task) -> list[str]:
    return [output for output, _ in Counter(t.output for t in task.tests).most_common(_CONSTANTS)]


def _echo(test: Test) -> str:
    if test.kind is not Kind.CALL:
        return test.input
    try:
        arguments, _ = values.decode(test.input)
        return values.encode(arguments[0])
    except (values.NotPlain, TypeError, ValueError, LookupError):
        return ""


def _scripts(task: Task) -> list[Test]:
    return [test for test in task.tests if test.kind is Kind.SCRIPT]


def _idle(entry_point: str | None) -> str:
    name, _, method = (entry_point or "").partition(".")
    if not method:
        return f"def {name}(*arguments, **named):\n    return object()\n"
    return f"class {name}:\n    def {method}(self, *arguments, **named):\n        return object()\n"
