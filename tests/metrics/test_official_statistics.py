"""The official statistics by hand, where the golden numbers say nothing: dropped tasks, masks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparring.matrix import PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.official import official


def task(*rows: str, parsed: str, ground_truth: int = 2) -> TaskFacts:
    """1 passed, 0 failed, ? masked; ``parsed``: y or n of each generated test."""
    passed = np.array([[c == "1" for c in row] for row in rows])
    seen = np.array([[c != "?" for c in row] for row in rows])
    parsed_U = np.array([c == "y" for c in parsed])
    m = PassMatrix(passed, seen, ground_truth)
    return TaskFacts(m, parsed_U, parsed_U, None, np.full(len(parsed), np.nan))


# the second program is right; it passes the first generated test, not the second; the last column
# could not be read, whatever the matrix says of it
ONE = task("10110", "11100", "01011", parsed="yyn")


def test_figures_by_hand() -> None:
    figures = official([ONE], [(1, 1), (2, 2), (3, 1)])
    assert figures.code_acc == pytest.approx(1 / 3)
    assert figures.code_test_acc == pytest.approx(4 / 6)
    # right is only the first test: the unread one counts as wrong
    assert figures.test_acc == pytest.approx(1 / 3)
    assert figures.test_cell_acc == pytest.approx(1 / 3)
    assert figures.p01 == pytest.approx(1 / 2)
    assert figures.p00 == pytest.approx(2 / 4)
    assert figures.bon[1, 1].acc == 0.0
    assert figures.bon[1, 1].test_acc == pytest.approx(1 / 2)
    # the first passes two of two tests
    assert figures.bon[2, 2].acc == 0.0
    # first and second pass one test each: the first index
    assert figures.bon[3, 1].acc == 0.0
    assert official([task("111", "011", parsed="y")], [(2, 1)]).bon[2, 1].acc == 1.0


def test_a_task_without_a_readable_test_is_in_no_figure() -> None:
    unread = task("110", "110", parsed="n")
    figures = official([ONE, unread], [(1, 1)])
    assert (figures.tasks, figures.without_test) == (1, 1)
    assert figures.code_acc == pytest.approx(1 / 3)
    assert figures.bon[1, 1].acc == 0.0


def test_without_a_correct_program_tests_are_not_counted() -> None:
    none = task("101", "011", parsed="y")
    figures = official([none], [])
    assert math.isnan(figures.test_acc)
    assert math.isnan(figures.p01)
    both = official([ONE, none], [])
    assert both.test_acc == pytest.approx(1 / 3)
    assert both.code_acc == pytest.approx(1 / 6)


def test_an_infrastructure_failure_makes_no_program_wrong() -> None:
    masked = task("1?1", "111", parsed="y")
    figures = official([ONE, masked], [(1, 1)])
    assert (figures.tasks, figures.masked) == (1, 1)
    assert figures.as_dict() == pytest.approx(official([ONE], [(1, 1)]).as_dict())
    # what no program was run on cannot be masked
    assert official([task("11?", "111", parsed="n"), ONE], []).masked == 0
    assert math.isnan(official([], []).code_acc)


def test_a_scale_without_tests_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        official([ONE], [(1, 0)])
