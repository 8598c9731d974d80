"""Grading of a group: every program is executed once on every input, and its outputs are compared.

Training and evaluation both use `grade`, a task at a time. Ground-truth tests and generated tests
differ only in the origin of their expected outputs. The reference solution and the validator are
executed like any other program, but on each generated input in a process of its own (`test_jobs`).
Their outputs serve metrics and the refusal of forbidden inputs; no program ever sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, repeat

import numpy as np

from sparring.grading import test_jobs
from sparring.grading.checker_leniency import checker_leniency, leniency_comparisons
from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.executions import Executions, plan_executions
from sparring.grading.group import GroupResult, ReadGroup
from sparring.matrix import Bools
from sparring.sandbox import Limits, Runs
from sparring.schema import Outcome, TestRefusal, Verdict

_INVALID = Outcome(Verdict.INVALID)
_UNKNOWN = Outcome(Verdict.INFRA, detail="the validator could not be run")
_ENDED = (Verdict.FINISHED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.INFRA)
"""Verdicts that refuse no test: the reference solution ended, or an infrastructure failure leaves
open whether it would have."""
_AT_ONCE = 16
"""Number of groups that are executed together."""

_Row = tuple[Outcome, ...]


def grade(runner: Runs, group: ReadGroup, general: Limits) -> GroupResult:
    """Execute and compare one group. ``general`` gives the limits that a task does not set (idle
    time, output); CPU time and memory are the task's own."""
    [result] = grade_each(runner, [group], general)
    return result


def grade_each(runner: Runs, groups: Iterable[ReadGroup], general: Limits) -> Iterator[GroupResult]:
    """Grade many groups in order, as many at once as keep all workers busy."""
    coming = iter(groups)
    while layouts := [plan_executions(group, general) for group in islice(coming, _AT_ONCE)]:
        raw = iter(
            test_jobs.run(runner, [request for layout in layouts for request in layout.requests])
        )
        for layout in layouts:
            yield _graded(runner, layout, raw)


def allowed(validation: Outcome) -> bool:
    """Return True if a validator that ended with this outcome allows its input."""
    return validation.verdict is Verdict.FINISHED and validation.output.strip() == "valid"


def infra_share(results: Sequence[GroupResult]) -> float:
    """Return the share of cells, the pool's included, that are infrastructure failures."""
    every = [*results, *(s.result for r in results if (s := r.pseudo_labels) and s.result)]
    cells = [
        o.verdict is Verdict.INFRA
        for r in every
        for row in (*r.outcomes_PT, *r.hidden_PH, *(r.pool_outcomes_PT or ()))
        for o in row
    ]
    return sum(cells) / len(cells) if cells else 0.0


def _graded(runner: Runs, layout: Executions, raw: Iterator[_Row]) -> GroupResult:
    """Return the result of a group.

    ``raw`` gives the outcomes of all executions in the order of `Executions.requests`. The next
    outcomes are those of this group: each must be taken exactly once, in that order.
    """
    group, task = layout.group, layout.group.task
    programs = [*layout.own, *(layout.pool or ())]
    raw_P = [None if request is None else next(raw) for request in programs]
    reference, validation = (
        None if request is None else next(raw) for request in (layout.reference, layout.validator)
    )

    # Decide which generated tests count, and which of those are right. Two facts stay apart: a test
    # that the validator forbids counts as failed by every program, while a test that the validator
    # could not judge (`unknown_U`) has no label at all.
    parsed_U = [p.test is not None for p in group.tests]
    reference_U, validation_U = (
        _over_all_tests(reference, parsed_U),
        _over_all_tests(validation, parsed_U),
    )
    unknown_U = [o is not None and o.verdict is Verdict.INFRA for o in validation_U]
    refused_U = [_refusal(*pair) for pair in zip(validation_U, reference_U, strict=True)]
    grader = Grader(runner)
    right_U = None if reference is None else _right_U(group, refused_U, reference_U, grader)

    # All outputs of the group are compared in one call, because a task's checker may be a program,
    # and then every comparison is an execution.
    outputs = [
        (request, row)
        for request, row in zip(programs, raw_P, strict=True)
        if request is not None and row is not None
    ]
    if layout.reference is not None and reference is not None:
        on_truth = replace(layout.reference, tests=task.ground_truth)
        # The reference was executed on the generated tests first; the rest is the ground truth.
        outputs.append((on_truth, reference[sum(parsed_U) :]))
    compared = iter(test_jobs.graded(grader, outputs))
    rows = [_row(group, None if row is None else next(compared), unknown_U) for row in raw_P]
    # `checker_leniency`, below, answers from these comparisons of tests with each other.
    grader.prepare(leniency_comparisons(task))

    own = len(layout.own)
    width = len(task.tests) + len(group.tests)
    return GroupResult(
        task=task,
        coder=group.coder,
        tester=group.tester,
        programs=group.programs,
        tests=group.tests,
        outcomes_PT=[row[:width] for row in rows[:own]],
        refused_U=refused_U,
        reference_U=reference_U,
        right_U=right_U,
        hidden_PH=[row[width:] for row in rows[:own]],
        reference_G=[] if reference is None else next(compared),
        leniency=checker_leniency(task, grader),
        pool_outcomes_PT=None if layout.pool is None else [r[:width] for r in rows[own:]],
        initial_policy_programs=group.initial_policy_programs,
    )


def _over_all_tests(row: _Row | None, parsed_U: Sequence[bool]) -> list[Outcome | None]:
    """Return a list over all tests: the outcome on each test that could be read, None for the
    others."""
    if row is None:
        return [None] * len(parsed_U)
    runs = iter(row)
    return [next(runs) if parsed else None for parsed in parsed_U]


def _refusal(validation: Outcome | None, reference: Outcome | None) -> TestRefusal | None:
    """Return the reason to refuse a test, or None. An infrastructure failure refuses nothing."""
    if not (validation is None or validation.verdict is Verdict.INFRA or allowed(validation)):
        return TestRefusal.FORBIDDEN
    if reference is not None and reference.verdict not in _ENDED:
        return TestRefusal.UNFINISHED
    return None


def _row(group: ReadGroup, row: _Row | None, unknown_U: Sequence[bool]) -> list[Outcome]:
    """Return a program's outcomes on all tests, hidden tests last.

    An outcome is INVALID where there was no program or no test, and INFRA (no label) where it is
    unknown whether a generated test counts.
    """
    runs = repeat(_INVALID) if row is None else iter(row)
    on_truth = list(islice(runs, len(group.task.tests)))
    generated = [next(runs) if p.test is not None else _INVALID for p in group.tests]
    known = [_UNKNOWN if unknown else o for o, unknown in zip(generated, unknown_U, strict=True)]
    return [*on_truth, *known, *islice(runs, len(group.task.hidden))]


def _right_U(
    group: ReadGroup,
    refused_U: Sequence[TestRefusal | None],
    reference_U: Sequence[Outcome | None],
    grader: Grader,
) -> Bools | None:
    """Return the tests [U] that are right by the reference solution. None where an execution of the
    reference was an infrastructure failure: the reference is then no measure for this task."""
    if any(o is not None and o.verdict is Verdict.INFRA for o in reference_U):
        return None
    right_U = np.zeros(len(group.tests), dtype=bool)
    questions: dict[int, OutputComparison] = {}
    for k, (parsed, refusal, truth) in enumerate(
        zip(group.tests, refused_U, reference_U, strict=True)
    ):
        if parsed.test is None or refusal is not None or truth is None:
            continue
        if truth.verdict is Verdict.ACCEPTED:  # a script decides by itself
            right_U[k] = True
        elif truth.verdict is Verdict.FINISHED:
            questions[k] = OutputComparison.with_reference(group.task, parsed.test, truth.output)
    grader.prepare(questions.values())
    for k, question in questions.items():
        right_U[k] = grader.verdict(question)[0] is Verdict.ACCEPTED
    return right_U
