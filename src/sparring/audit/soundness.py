"""Whether tasks are sound: their tests confirmed by reference solutions, faults by name.

Each task is looked at on its own: what its solutions say of its tests (`repeated`, `confirm`), what
its validator says of their inputs, what a program that does nothing would pass (`trivial`), and
what occurs twice. Duplicates among tasks and the strength of the tests are up to the caller
(`sparring.audit.run`), who sees all tasks. What is found is never more than was seen: a test that
nothing speaks against is not a right one if there is no solution, and `NO_SOLUTION` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.audit.confirm import confirm
from sparring.audit.repeated import Bench, every_test, repeated
from sparring.audit.trivial import vacuous
from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.comparison import Comparison, Grader, rule_of
from sparring.grading.grade import allowed
from sparring.grading.limits import limits as limits_of
from sparring.sandbox import Limits
from sparring.schema import Kind, Task, Verdict
from sparring.tasks.cleaning.findings import Fault, Finding, short
from sparring.tasks.cleaning.repeats import Pair, same_inputs, same_to_the_letter


@dataclass(frozen=True, slots=True)
class Care:
    """How carefully is looked. ``repeats``: runs of each solution on each test; ``patience``: how
    many times wider limits are tried; ``share`` of the time limit that is slow."""

    repeats: int = 3
    patience: float = 10.0
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Audited:
    """A task and what was found. ``best``: its first-choice solution, None if none passes a test;
    ``confirmed`` ground-truth tests are those that a solution passes every time."""

    task: Task
    findings: tuple[Finding, ...]
    best: int | None
    confirmed: int


def audit_tasks(bench: Bench, tasks: Sequence[Task], general: Limits, care: Care) -> list[Audited]:
    """Audit some tasks at once. `general` gives what they don't say (idle time, output)."""
    grader = Grader(bench.usual)
    limits = [limits_of(task, general) for task in tasks]
    asks = [
        Ask(task, source, every_test(task), limit)
        for task, limit in zip(tasks, limits, strict=True)
        for source in task.solutions
    ]
    rows = iter(repeated(bench, grader, asks, care.repeats, care.patience))
    idle = vacuous(bench.usual, grader, tasks, limits)
    invalid = _invalid(bench, tasks, limits)
    pairs = [same_inputs(task.tests) for task in tasks]
    grader.prepare(
        one
        for task, found in zip(tasks, pairs, strict=True)
        for p in found
        for one in _both_ways(task, p)
    )
    audited = []
    for i, task in enumerate(tasks):
        cells = [next(rows) for _ in task.solutions]
        refused = frozenset(f.test for f in invalid[i] if f.test is not None)
        seen = confirm(task, cells, care.share, refused) if cells else None
        confirmed = seen.confirmed if seen else [False] * len(every_test(task))
        again = [f for p in pairs[i] for f in _again(grader, task, p, confirmed)]
        told = {f.test for f in again if f.fault is Fault.CONTRADICTION}
        own = [
            f
            for f in (seen.findings if seen else [_no_solution(task)])
            if f.example or f.fault is not Fault.WRONG_OUTPUT or f.test not in told
        ]
        nothing = [f for f in idle[i] if not _rightly_empty(task, f, confirmed)]
        found = [*own, *invalid[i], *again, *nothing]
        found.sort(key=lambda f: (f.test is None, f.example, f.test or 0))
        best = seen.best if seen else None
        audited.append(Audited(task, tuple(found), best, sum(confirmed[: len(task.tests)])))
    return audited


def _rightly_empty(task: Task, found: Finding, confirmed: Sequence[bool]) -> bool:
    """Whether no output is the answer to a test, as a solution has it. Others of its tests tell a
    program that does nothing: a finding about all of them is none about one."""
    return (
        found.test is not None
        and task.tests[found.test].kind is Kind.STDIN
        and not task.tests[found.test].output.strip()
        and confirmed[found.test]
    )


def _no_solution(task: Task) -> Finding:
    seen = "there is no reference solution: its tests are not confirmed by anything"
    return Finding(task.id, Fault.NO_SOLUTION, seen, "add a solution, or use the task as it is")


def _invalid(bench: Bench, tasks: Sequence[Task], limits: Sequence[Limits]) -> list[list[Finding]]:
    """Inputs that the validators refuse."""
    asks = [
        Ask(task, task.validator, tuple(t for t in task.tests if t.kind is Kind.STDIN), limit)
        for task, limit in zip(tasks, limits, strict=True)
        if task.validator is not None
    ]
    rows = iter(columns.run(bench.usual, asks))
    found: list[list[Finding]] = []
    for task in tasks:
        found.append([])
        if task.validator is None:
            continue
        outcomes = iter(next(rows))
        for i, test in enumerate(task.tests):
            if test.kind is not Kind.STDIN:
                continue
            said = next(outcomes)
            if not allowed(said) and said.verdict is not Verdict.INFRA:
                what = said.output.strip() or said.detail or said.verdict.value
                seen = f"the validator says of {short(test.input)}: {short(what)}"
                advice = "leave the test out, or mend its input or the validator"
                found[-1].append(Finding(task.id, Fault.INVALID_INPUT, seen, advice, i))
    return found


def _both_ways(task: Task, pair: Pair) -> list[Comparison]:
    """The answer of each of two tests, to the other one."""
    test, first = task.tests[pair.test], task.tests[pair.first]
    return [Comparison.of(task, test, first.output), Comparison.of(task, first, test.output)]


def _again(grader: Grader, task: Task, pair: Pair, confirmed: Sequence[bool]) -> list[Finding]:
    """A pair of tests with one input: the same test twice, or two that contradict each other."""
    test, first = task.tests[pair.test], task.tests[pair.first]
    said = [grader.verdict(one)[0] for one in _both_ways(task, pair)]
    if Verdict.INFRA in said:  # the task's checker could not be run: nobody knows
        return []
    if test.output == first.output or Verdict.ACCEPTED in said:
        # Under two rules the one may say more than the other; only of one rule is it a repetition.
        if rule_of(task, test) != rule_of(task, first):
            return []
        seen = f"the same input and answer as test {pair.first}"
        return [Finding(task.id, Fault.DUPLICATE, seen, "leave it out", pair.test)]
    both = [pair.first, pair.test]
    told_apart = test.input != first.input and all(confirmed[i] for i in both)
    if told_apart or not same_to_the_letter(test, first):
        return []  # the white space is what makes the difference
    doubted = [i for i in both if not confirmed[i]] or both
    seen = (
        f"tests {pair.first} and {pair.test} have the same input and expect "
        f"{short(first.output)} and {short(test.output)}"
    )
    advice = "leave out the wrong one; without a solution nobody can say which"
    if len(doubted) == 1:
        advice = "leave it out: a solution passes the other one"
    return [Finding(task.id, Fault.CONTRADICTION, seen, advice, i) for i in doubted]
