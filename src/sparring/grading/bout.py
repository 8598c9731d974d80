"""One bout per task: responses of both roles, parsed, run and compared.

Training and evaluation both stand on this. Every unique program runs once on
every unique input, be it standard input, a call or a script (`columns`);
ground-truth and generated tests differ only in where their expected outputs
came from. Reference solution and validator run like
any other program, but on each generated input in a process of its own
(`columns`); what they say is used for metrics and for refusing
forbidden inputs, never shown to a program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.grading.answers import size
from sparring.grading.asked import Row, ask_all
from sparring.grading.early import Runs
from sparring.grading.foreign import NO_PAIRS, Foreign, foreign_comparisons, foreign_outputs
from sparring.grading.grading import Comparison, Grader
from sparring.grading.reading import read_program, read_test
from sparring.matrix import Bools, Floats, PassMatrix, from_verdicts
from sparring.prompts.parse import ParsedProgram, ParsedTest, Reading
from sparring.sandbox import Limits
from sparring.schema import (
    Outcome,
    Response,
    Role,
    Task,
    Test,
    TestRefusal,
    Verdict,
)

_UNREAD = Test("", "")
_INVALID = Outcome(Verdict.INVALID)
_UNKNOWN = Outcome(Verdict.INFRA, detail="the validator could not be run")
_ENDED = (Verdict.FINISHED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.INFRA)
"""Verdicts of a reference solution that came to an end, or of which we failed to know."""
_USUAL: Mapping[Role, Reading] = {role: Reading() for role in Role}


@dataclass(frozen=True, slots=True)
class Judged:
    """A task with both roles' responses and everything that was found out about them.

    Axes: P coder responses, T = ground-truth tests, then generated ones (U).
    ``valid_U``: parsed, allowed by the task's validator and finished by its
    reference solution, where it has these.
    ``right_U``: by the reference solution (all False without one; see
    ``has_reference``), ``reference_U`` what that gave. ``size_U``: values in
    the input (`answers.size`), NaN if not parsed. ``pool`` and ``pool_outcomes_PT``: other
    programs on the same tests. What monitors read and no reward:
    ``withheld_PH``, every program on the withheld ground-truth tests;
    ``reference_G``, the reference solution on ``task.ground_truth`` (empty
    without one); ``foreign``, see `pipelines.foreign`.
    """

    task: Task
    coder: Sequence[Response]
    tester: Sequence[Response]
    programs: Sequence[ParsedProgram]
    tests: Sequence[ParsedTest]
    outcomes_PT: Sequence[Sequence[Outcome]]
    matrix: PassMatrix
    pool: PassMatrix | None
    parsed_U: Bools
    valid_U: Bools
    right_U: Bools
    reference_U: Sequence[Outcome | None]
    size_U: Floats
    has_reference: bool
    refused_U: Sequence[TestRefusal | None] = ()
    """Why a parsed test is not valid."""
    opponents: Sequence[Response] = ()
    """The responses that the programs of ``pool`` are from, in training."""
    pool_outcomes_PT: Sequence[Sequence[Outcome]] = ()
    supervision: Supervision | None = None
    """Where another model's tests stand in for ground truth: what rewards follow from then."""
    withheld_PH: Sequence[Sequence[Outcome]] = ()
    reference_G: Sequence[Outcome] = ()
    foreign: Foreign = NO_PAIRS


@dataclass(frozen=True, slots=True)
class Supervision:
    """The tests that a frozen tester wrote for a task [K], and the same responses judged by them.

    ``bout`` knows nothing of the task but these tests (those that could be
    read); None if there are none. ``right_K``: by the reference solution, for
    metrics; None without one.
    """

    tests: Sequence[ParsedTest]
    bout: Judged | None
    right_K: Bools | None


def judge(
    sandbox: Runs,
    tasks: Sequence[Task],
    coder: Sequence[Sequence[Response]],
    tester: Sequence[Sequence[Response]],
    general: Limits,
    pools: Sequence[Sequence[ParsedProgram]] | None = None,
    reading: Mapping[Role, Reading] = _USUAL,
) -> list[Judged]:
    """Parse, run and compare the responses to every task (same order in all sequences).

    ``general`` gives what tasks don't say (idle time, output); CPU and memory
    are the task's own. ``reading`` says how each role's responses are read.
    ``pools`` are further programs to run on the same
    tests, one sequence per task.
    """
    programs = [
        [read_program(task, r, reading[Role.CODER]) for r in group]
        for task, group in zip(tasks, coder, strict=True)
    ]
    tests = [
        [read_test(task, r, reading[Role.TESTER]) for r in group]
        for task, group in zip(tasks, tester, strict=True)
    ]
    return judge_read(sandbox, tasks, (coder, tester), (programs, tests), general, pools)


def judge_read(
    sandbox: Runs,
    tasks: Sequence[Task],
    responses: tuple[Sequence[Sequence[Response]], Sequence[Sequence[Response]]],
    parsed: tuple[Sequence[Sequence[ParsedProgram]], Sequence[Sequence[ParsedTest]]],
    general: Limits,
    pools: Sequence[Sequence[ParsedProgram]] | None = None,
) -> list[Judged]:
    """`judge`, where the responses of coder and tester have been read already."""
    (coder, tester), (programs, tests) = responses, parsed
    ready = ask_all(sandbox, tasks, programs, tests, pools, general)
    grader = Grader(sandbox)
    grader.prepare(
        one
        for i, task in enumerate(tasks)
        if task.checker_program is not None
        for one in _comparisons(task, tests[i], ready[i][0], ready[i][1], ready[i][2])
    )
    return [
        _judged(
            task,
            (coder[i], tester[i]),
            (programs[i], tests[i]),
            ready[i][:2],
            ready[i][2:],
            grader,
        )
        for i, task in enumerate(tasks)
    ]


def infra_share(judged: Sequence[Judged]) -> float:
    """Share of cells, opponents' included, that our own failures left without a label."""
    bouts = [*judged, *(s.bout for j in judged if (s := j.supervision) and s.bout)]
    rows = [r for j in bouts for r in (*j.outcomes_PT, *j.withheld_PH, *j.pool_outcomes_PT)]
    cells = [o.verdict is Verdict.INFRA for row in rows for o in row]
    return sum(cells) / len(cells) if cells else 0.0


def _judged(
    task: Task,
    responses: tuple[Sequence[Response], Sequence[Response]],
    parsed: tuple[Sequence[ParsedProgram], Sequence[ParsedTest]],
    runs: tuple[Sequence[Row | None], Sequence[Row | None] | None],
    facts: tuple[Row | None, Row | None],
    grader: Grader,
) -> Judged:
    tests = parsed[1]
    parsed_U = np.array([p.test is not None for p in tests], dtype=bool)
    reference, validation = _spread(facts[0], parsed_U), _spread(facts[1], parsed_U)
    valid_U = parsed_U.copy()
    right_U = np.zeros(len(tests), dtype=bool)
    size_U = np.full(len(tests), np.nan)
    unknown_U = np.zeros(len(tests), dtype=bool)
    refused_U: list[TestRefusal | None] = [None] * len(tests)
    for k, p in enumerate(tests):
        if p.test is None:
            continue
        size_U[k] = size(p.test)
        if (said := validation[k]) is not None and said.verdict is Verdict.INFRA:
            unknown_U[k] = True
        refused_U[k] = _refusal(said, reference[k])
        valid_U[k] = refused_U[k] is None
        truth = reference[k]
        if truth is not None and truth.verdict is Verdict.ACCEPTED:
            right_U[k] = bool(valid_U[k])  # a script decides by itself
        elif valid_U[k] and truth is not None and truth.verdict is Verdict.FINISHED:
            one = Comparison.with_reference(task, p.test, truth.output)
            right_U[k] = grader.verdict(one)[0] is Verdict.ACCEPTED
    every = (*task.tests, *(p.test for p in tests), *task.withheld)
    width = len(task.tests) + len(tests)
    compared = [
        [_compared(task, every, row, grader) for row in runs[0]],
        [_compared(task, every[:width], row, grader) for row in runs[1] or ()],
    ]
    for row in (*compared[0], *compared[1]):
        for u in np.flatnonzero(unknown_U):  # whether the test may count is not known: no label
            row[len(task.tests) + int(u)] = _UNKNOWN
    outcomes = [row[:width] for row in compared[0]]
    pool = None
    if runs[1] is not None:
        pool = _matrix(task, compared[1], len(tests))
    return Judged(
        task=task,
        coder=responses[0],
        tester=responses[1],
        programs=parsed[0],
        tests=tests,
        outcomes_PT=outcomes,
        matrix=_matrix(task, outcomes, len(tests)),
        pool=pool,
        pool_outcomes_PT=compared[1],
        parsed_U=parsed_U,
        valid_U=valid_U,
        refused_U=refused_U,
        right_U=right_U,
        reference_U=reference,
        size_U=size_U,
        # With a failure of ours in it, the reference is no measure for this task.
        has_reference=facts[0] is not None
        and not any(o is not None and o.verdict is Verdict.INFRA for o in reference),
        withheld_PH=[row[width:] for row in compared[0]],
        reference_G=_reference_G(task, int(parsed_U.sum()), facts[0], grader),
        foreign=foreign_outputs(task, grader),
    )


def allowed(validation: Outcome) -> bool:
    """Whether a validator allows the input that it was run on."""
    return validation.verdict is Verdict.FINISHED and validation.output.strip() == "valid"


def _refusal(validation: Outcome | None, reference: Outcome | None) -> TestRefusal | None:
    """Why a parsed test is refused. What failed on our side refuses nothing."""
    if not (validation is None or validation.verdict is Verdict.INFRA or allowed(validation)):
        return TestRefusal.FORBIDDEN
    if reference is not None and reference.verdict not in _ENDED:
        return TestRefusal.UNFINISHED
    return None


def _reference_G(task: Task, generated: int, row: Row | None, grader: Grader) -> list[Outcome]:
    """The reference's outcomes on ground-truth tests; its runs on generated ones come first."""
    if row is None:
        return []
    return [
        grader.graded(o, Comparison.of(task, test, o.output))
        for test, o in zip(task.ground_truth, row[generated:], strict=True)
    ]


def _matrix(task: Task, outcomes: Sequence[Sequence[Outcome]], generated: int) -> PassMatrix:
    if not outcomes:
        shape = (0, len(task.tests) + generated)
        return PassMatrix(np.zeros(shape, bool), np.zeros(shape, bool), len(task.tests))
    return from_verdicts([[o.verdict for o in row] for row in outcomes], len(task.tests))


def _compared(
    task: Task, tests: Sequence[Test | None], row: Row | None, grader: Grader
) -> list[Outcome]:
    """A program's outcomes on these tests with the checker's verdict in place of FINISHED."""
    if row is None:
        return [_INVALID] * len(tests)
    runs = iter(row)
    found = []
    for test in tests:
        if test is None:
            found.append(_INVALID)
            continue
        outcome = next(runs)
        one = Comparison.of(task, test, outcome.output)
        found.append(grader.graded(outcome, one))
    return found


def _comparisons(
    task: Task,
    tests: Sequence[ParsedTest],
    own: Sequence[Row | None],
    others: Sequence[Row | None] | None,
    reference: Row | None,
) -> Iterator[Comparison]:
    """Every comparison that judging this task takes."""
    generated = [p.test for p in tests if p.test]
    for row in (*own, *(others or ())):
        every = (*task.tests, *generated, *task.withheld)
        for test, outcome in zip(every, row or (), strict=False):
            if outcome.verdict is Verdict.FINISHED:
                yield Comparison.of(task, test, outcome.output)
    for test, truth in zip(generated, reference or (), strict=False):
        if truth.verdict is Verdict.FINISHED:
            yield Comparison.with_reference(task, test, truth.output)
    for test, truth in zip(task.ground_truth, (reference or ())[len(generated) :], strict=False):
        if truth.verdict is Verdict.FINISHED:
            yield Comparison.of(task, test, truth.output)
    yield from foreign_comparisons(task)


def _spread(row: Row | None, parsed_U: Bools) -> list[Outcome | None]:
    """Outcomes on the parsed tests, laid out over all of them."""
    if row is None:
        return [None] * len(parsed_U)
    runs = iter(row)
    return [next(runs) if parsed else None for parsed in parsed_U]
