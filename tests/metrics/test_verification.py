"""FAR, FRR and coverage@N by hand."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from sparring.metrics.benchmark import measure
from sparring.metrics.verification import coverage, suite_accepts
from sparring.runs.labels import figure_labels
from tests.metrics.test_benchmark import FOUR, facts

# One correct program, two wrong ones; the third test was not read, one cell is masked.
MASKED = facts(["11100", "01?00", "00000"], "rw-r")


def means(*tasks, m: int):
    return {k: e.mean for k, e in measure(tasks, [(1, m)], (1,)).estimates.items()}


def test_figures_of_a_task_by_hand() -> None:
    """Correct programs pass tests 1, 2 of 3 and test 1; both wrong ones pass tests 2 and 3, of
    which 3 is a wrong test."""
    figures = means(FOUR, m=2)
    assert figures["far"] == pytest.approx(4 / 6)
    assert figures["frr"] == pytest.approx((1 + 2) / 6)
    # of the three pairs of tests one is passed whole by a program that passes two of them
    assert figures["suite_far_2"] == pytest.approx(1 / 3)
    assert figures["suite_frr_2"] == pytest.approx((2 / 3 + 1) / 2)
    # the one right test that they fail is in two pairs of three
    assert figures["coverage@2"] == pytest.approx(2 / 3)
    assert means(FOUR, m=3)["coverage@3"] == 1.0
    assert means(FOUR, m=1)["coverage@1"] == pytest.approx(1 / 3)


def test_a_wrong_test_rejects_and_catches_nobody() -> None:
    task = facts(["11", "00"], "w")
    figures = means(task, m=1)
    assert (figures["far"], figures["frr"]) == (0.0, 0.0)
    assert (figures["suite_far_1"], figures["coverage@1"]) == (0.0, 0.0)
    blamed = means(facts(["10", "01"], "w"), m=1)
    assert (blamed["far"], blamed["frr"], blamed["coverage@1"]) == (1.0, 1.0, 0.0)


def test_unread_tests_reject_nobody_and_masked_cells_leave() -> None:
    """One correct program passes tests 1 and 2, not 4; a wrong one passes 1 and is unseen on 2; a
    wrong one passes none. Test 3 could not be read."""
    figures = means(MASKED, m=2)
    assert figures["frr"] == pytest.approx(1 / 3)
    assert figures["far"] == pytest.approx(1 / (2 + 3))
    # correct: 1, 2 and the unread one of 4 → 3 of 6 pairs; wrong: 1 and the unread one of 3 → 1 of
    # 3; wrong: the unread one of 4 → none
    np.testing.assert_allclose(suite_accepts(MASKED, 2), [3 / 6, 1 / 3, 0])
    assert figures["suite_frr_2"] == pytest.approx(1 / 2)
    assert figures["suite_far_2"] == pytest.approx((1 / 3 + 0) / 2)
    # the first wrong program is caught by test 4, the second by 1 and 4 (2 is a wrong test)
    assert figures["coverage@2"] == pytest.approx(((1 - 1 / 3) + (1 - 1 / 6)) / 2)
    # of four tests the first wrong program says nothing: three are known of it
    assert coverage(MASKED, 4) == 1.0


def test_suites_are_the_mean_over_all_subsets() -> None:
    random = np.random.default_rng(0)
    rows = ["".join(random.choice(["0", "1"], 7)) for _ in range(6)]
    task = facts(rows, "rwr-rw")
    for n in range(1, 7):
        drawn = list(combinations(range(6), n))
        good = task.matrix.passed_PU | ~task.parsed_U
        slow = np.mean([good[:, list(d)].all(axis=1) for d in drawn], axis=0)
        np.testing.assert_allclose(suite_accepts(task, n), slow)
        caught = ~task.matrix.passed_PU & task.right_U & task.parsed_U
        union = np.mean([caught[:, list(d)].any(axis=1) for d in drawn], axis=0)
        assert coverage(task, n) == pytest.approx(union[task.matrix.wrong_P].mean())


def test_what_says_nothing_is_left_out() -> None:
    alone = facts(["11"], "r")  # no wrong program
    assert math.isnan(coverage(alone, 1))
    assert math.isnan(coverage(facts(["01"], "r"), 2))  # fewer tests than asked for
    figures = measure([alone, FOUR], [(1, 1)], (1,))
    assert figures.estimates["coverage@1"].n_tasks == figures.estimates["far"].n_tasks == 1
    assert figures.estimates["frr"].n_tasks == 2
    assert "far" in figures.ratios
    assert len(figures.per_task["coverage@1"]) == 2
    labels = figure_labels(["suite_far_16", "coverage@4"])
    assert labels["suite_far_16"] == "FAR of 16 tests together"
    assert "4 tests" in labels["coverage@4"]
