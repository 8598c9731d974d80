"""Tests of a frozen tester in the place of ground truth: the bout that rewards may see.

Label-free means that no ground-truth test, no reference solution, no
validator and nothing that follows from them enters a reward. So the same
responses are judged a second time, on a task that has the frozen tester's
tests and nothing else; rewards follow from that bout alone. It runs first
and by itself: not even the company that a run had comes from ground truth.
What stays is what the statement says: limits, the checker's rule and public
examples.

The bout by ground truth is judged as ever, for the metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.grading.bout import Judged, Supervision, judge
from sparring.grading.early import Runs
from sparring.grading.reading import read_test
from sparring.grading.record import Scored
from sparring.matrix import Bools, PassMatrix
from sparring.prompts.parse import ParsedProgram, ParsedTest, Reading
from sparring.sandbox import Limits
from sparring.schema import Response, Role, Task
from sparring.selection.agreement import TestFilter, agreement


def supervise(
    sandbox: Runs,
    tasks: Sequence[Task],
    coder: Sequence[Sequence[Response]],
    tester: Sequence[Sequence[Response]],
    supervisor: Sequence[Sequence[Response]],
    general: Limits,
    reading: Mapping[Role, Reading],
    its_reading: Reading,
    pools: Sequence[Sequence[ParsedProgram]] | None = None,
) -> list[Supervision]:
    """The bout of every task by the tests in ``supervisor``'s responses; see `judge`.

    ``its_reading`` says how the supervisor's own are read.
    """
    parsed = [
        [read_test(task, r, its_reading) for r in group]
        for task, group in zip(tasks, supervisor, strict=True)
    ]
    tested = [i for i, tests in enumerate(parsed) if any(p.test for p in tests)]
    bouts = judge(
        sandbox,
        [label_free(tasks[i], parsed[i]) for i in tested],
        [coder[i] for i in tested],
        [tester[i] for i in tested],
        general,
        pools=[pools[i] for i in tested] if pools else None,
        reading=reading,
    )
    by_task = dict(zip(tested, bouts, strict=True))
    # Whether these tests are right, for the metrics: a bout without programs.
    checked = judge(
        sandbox,
        tasks,
        [()] * len(tasks),
        supervisor,
        general,
        reading={**reading, Role.TESTER: its_reading},
    )
    return [
        Supervision(tests, by_task.get(i), c.right_U if c.has_reference else None)
        for i, (tests, c) in enumerate(zip(parsed, checked, strict=True))
    ]


def label_free(task: Task, tests: Sequence[ParsedTest]) -> Task:
    """The task with these tests and without everything that only its maker knows.

    What goes over is named one by one, so that what a task may come to hold
    stays out until somebody lets it in.
    """
    return Task(
        id=task.id,
        statement=task.statement,
        tests=tuple(p.test for p in tests if p.test),
        examples=task.examples,
        time_limit=task.time_limit,
        memory_limit=task.memory_limit,
        checker=task.checker,
        checker_program=task.checker_program,
        source=task.source,
        entry_point=task.entry_point,
    )


def rewarded(judged: Judged, how: TestFilter) -> tuple[Judged | None, Bools | None]:
    """The bout that rewards may see, and which of the K supervising tests it is judged by.

    Without supervision the bout itself, and None. The bout is None where no
    test is left: there is no label.
    """
    if (supervision := judged.supervision) is None:
        return judged, None
    kept_K = np.zeros(len(supervision.tests), dtype=bool)
    if (bout := supervision.bout) is None:
        return None, kept_K
    kept_G = np.ones(bout.matrix.ground_truth, dtype=bool)
    if how is TestFilter.AGREEMENT:
        kept_G = agreement(bout.matrix.passed_PG, bout.matrix.observed_PG)
    kept_K[[p.test is not None for p in supervision.tests]] = kept_G
    return (_judged_by(bout, kept_G) if kept_G.any() else None), kept_K


def _judged_by(bout: Judged, kept_G: Bools) -> Judged:
    """The bout without the tests that are set aside."""
    columns_T = np.concatenate([kept_G, np.ones(len(bout.tests), dtype=bool)])
    outcomes, others = (
        [[o for o, keep in zip(row, columns_T, strict=True) if keep] for row in rows]
        for rows in (bout.outcomes_PT, bout.pool_outcomes_PT)
    )
    tests = tuple(t for t, keep in zip(bout.task.tests, kept_G, strict=True) if keep)
    return replace(
        bout,
        task=replace(bout.task, tests=tests),
        outcomes_PT=outcomes,
        matrix=_columns(bout.matrix, columns_T, len(tests)),
        pool=_columns(bout.pool, columns_T, len(tests)) if bout.pool else None,
        pool_outcomes_PT=others,
    )


def _columns(matrix: PassMatrix, keep_T: Bools, ground_truth: int) -> PassMatrix:
    return PassMatrix(matrix.passed_PT[:, keep_T], matrix.observed_PT[:, keep_T], ground_truth)


def supervision_metrics(scored: Sequence[Scored]) -> dict[str, Any]:
    """How good a step's supervision was. Shares over the whole step, NaN of nothing.

    ``unread``: of the supervisor's responses, those without a test; of the
    tests, ``right`` by reference, ``set_aside`` by the filter, and of those
    kept ``kept_right``. ``labels_right``: of the programs that both judge,
    those that supervision and ground truth call the same, correct or wrong.
    """
    read: list[bool] = []
    right: list[float] = []
    kept: list[bool] = []
    agreeing: list[bool] = []
    for s in scored:
        supervision, kept_K = s.judged.supervision, s.kept_K
        if supervision is None or kept_K is None:
            continue
        parsed_K = np.array([p.test is not None for p in supervision.tests], dtype=bool)
        read += parsed_K.tolist()
        kept += kept_K[parsed_K].tolist()
        known = supervision.right_K
        right += [math.nan] * int(parsed_K.sum()) if known is None else known[parsed_K].tolist()
        if s.basis is not None:
            own, real = s.basis.matrix, s.judged.matrix
            both = (own.correct_P | own.wrong_P) & (real.correct_P | real.wrong_P)
            agreeing += (own.correct_P == real.correct_P)[both].tolist()
    return {
        "unread": 1 - _share(read),
        "right": _share(right),
        "set_aside": 1 - _share(kept),
        "kept_right": _share([r for r, k in zip(right, kept, strict=True) if k]),
        "labels_right": _share(agreeing),
    }


def _share(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return float(np.mean(known)) if known else math.nan
