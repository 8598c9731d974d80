"""Grading by pseudo-labels: the tests of a frozen tester stand in for ground truth.

Label-free means that no ground-truth test, no reference solution, no validator and nothing that
follows from them enters a reward. The same responses are therefore graded twice:

- First on a task that has the frozen tester's tests and nothing else. Rewards follow from this
  result alone. What remains of the task is what its statement says: limits, the checker's rule and
  public examples.
- Then by ground truth as usual, for the metrics.

The first grading has executions of its own, before any process has seen a ground-truth input,
because programs of one batch may share a process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from sparring.grading.grade import grade
from sparring.grading.group import GroupResult, PseudoLabels, ReadGroup, label_free_task
from sparring.grading.record import ScoredGroup
from sparring.matrix import Bools
from sparring.prompts.rules import ParsedTest
from sparring.sandbox import Limits, Runs
from sparring.schema import Outcome
from sparring.selection.consensus import TestFilter, consensus_tests


def grade_by_pseudo_labels(
    runner: Runs,
    groups: Sequence[ReadGroup],
    written: Sequence[Sequence[ParsedTest]],
    general: Limits,
) -> list[PseudoLabels]:
    """Grade every group by the pseudo-label tests that were ``written`` for its task, all groups
    before any task's own tests are executed."""
    results = [
        grade(runner, replace(group, task=label_free_task(group.task, tests)), general)
        if any(p.test for p in tests)
        else None
        for group, tests in zip(groups, written, strict=True)
    ]
    # A group without programs tells which of these tests are right by the reference, for the
    # metrics alone.
    checked = [
        grade(runner, ReadGroup(group.task, (), (), (), tests), general)
        for group, tests in zip(groups, written, strict=True)
    ]
    return [
        PseudoLabels(tests, graded_group, c.right_U)
        for tests, graded_group, c in zip(written, results, checked, strict=True)
    ]


def rewarded_group(
    group: GroupResult, test_filter: TestFilter
) -> tuple[GroupResult | None, Bools | None]:
    """Return the result that rewards may see, and the K pseudo-label tests that it is graded by.

    Without pseudo-labels, the group itself and None are returned. The result is None where no test
    is left: the group then has no label.
    """
    if (pseudo_labels := group.pseudo_labels) is None:
        return group, None
    kept_K = np.zeros(len(pseudo_labels.tests), dtype=bool)
    if (graded_group := pseudo_labels.result) is None:
        return None, kept_K
    kept_G = np.ones(graded_group.matrix.ground_truth, dtype=bool)
    # Of K generated tests some are wrong, and then no program passes all. The filter keeps the
    # tests that the largest consensus of programs agrees on.
    if test_filter is TestFilter.AGREEMENT:
        kept_G = consensus_tests(graded_group.matrix.passed_PG, graded_group.matrix.observed_PG)
    # `kept_G` counts only the tests that could be read; `kept_K` all that the tester wrote.
    kept_K[[p.test is not None for p in pseudo_labels.tests]] = kept_G
    return (_graded_by(graded_group, kept_G) if kept_G.any() else None), kept_K


def _graded_by(graded_group: GroupResult, kept_G: Bools) -> GroupResult:
    """Return the result without the tests that the filter sets aside."""
    keep_T = [*kept_G.tolist(), *(True for _ in graded_group.tests)]

    def kept(rows: Sequence[Sequence[Outcome]]) -> list[list[Outcome]]:
        return [list(compress(row, keep_T)) for row in rows]

    others = graded_group.pool_outcomes_PT
    return replace(
        graded_group,
        task=replace(graded_group.task, tests=tuple(compress(graded_group.task.tests, kept_G))),
        outcomes_PT=kept(graded_group.outcomes_PT),
        pool_outcomes_PT=None if others is None else kept(others),
    )


def pseudo_label_metrics(scored: Sequence[ScoredGroup]) -> dict[str, Any]:
    """Return figures of the quality of a step's pseudo-labels. All are shares over the whole step;
    a share of nothing is NaN.

    ``unread``: responses of the frozen tester without a test. ``right``: tests that are right by
    the reference. ``set_aside``: tests that the filter drops. ``kept_right``: right tests among
    those kept. ``labels_right``: among the programs that have a label (correct or wrong) both by
    pseudo-labels and by ground truth, those whose two labels are equal.
    """
    read: list[bool] = []
    right: list[float] = []
    kept: list[bool] = []
    agreeing: list[bool] = []
    for s in scored:
        pseudo_labels, kept_K = s.group.pseudo_labels, s.kept_K
        if pseudo_labels is None or kept_K is None:
            continue
        parsed_K = np.array([p.test is not None for p in pseudo_labels.tests], dtype=bool)
        read += parsed_K.tolist()
        kept += kept_K[parsed_K].tolist()
        known = pseudo_labels.right_K
        right += [math.nan] * int(parsed_K.sum()) if known is None else known[parsed_K].tolist()
        if s.rewarded_on is not None:
            own, real = s.rewarded_on.matrix, s.group.matrix
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
