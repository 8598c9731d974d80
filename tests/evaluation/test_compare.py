"""Pairing two evaluations by task, on records made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparring.errors import RunError
from sparring.evaluation.compare import compare
from sparring.evaluation.conditions import task_digest
from sparring.metrics.intervals import ratio
from sparring.runs.labels import figure_labels
from sparring.schema import Task, Test


def record(
    tasks: str, pass_at_1: list[float | None], sums: list[tuple[float, float]]
) -> dict[str, Any]:
    """``pass@1`` and (numerator, denominator) of p01, for each task; a letter is a task."""
    p01 = ratio(*np.array(sums, dtype=float).T)
    assert p01.share is not None
    assert p01.left is not None
    value = None if np.isnan(p01.value) else p01.value
    return {
        "conditions": {"checker": None, "grader": "2"},
        "tasks": [{"id": t, "digest": f"of {t}"} for t in tasks],
        "per_task": {"pass@1": pass_at_1},
        "ratios": {
            "p01": {
                "value": value,
                "influence": p01.influence.tolist(),
                "used": p01.used.tolist(),
                "share": p01.share.tolist(),
                "left": p01.left.tolist(),
            }
        },
        "figures": {"p01": {"mean": value, "low": None, "high": None, "n_tasks": len(tasks)}},
    }


NOTHING = [(0.0, 0.0)] * 3


def test_tasks_are_paired_by_name_and_those_that_say_nothing_are_left_out() -> None:
    a = record("abc", [1.0, 0.0, None], NOTHING)
    b = record("cab", [0.5, 0.5, 1.0], NOTHING)
    found = compare(a, b)
    line = found.lines["pass@1"]
    assert line.difference.n_tasks == 2
    assert line.difference.mean == pytest.approx(((0.5 - 1.0) + (1.0 - 0.0)) / 2)
    assert line.before.mean == 0.5  # of a and b alone, as the other
    assert line.after.mean == 0.75
    assert "p01" not in found.lines


def test_a_figure_that_one_of_them_lacks_is_no_line() -> None:
    a = record("abc", [1.0, 0.0, 1.0], [(1, 2), (1, 2), (0, 2)])
    b = record("abc", [None, None, None], NOTHING)
    assert compare(a, b).lines == {}
    assert set(compare(a, a).lines) == {"pass@1", "p01"}


def test_ratios_by_hand() -> None:
    """2 of 6 before, 6 of 12 after."""
    a = record("abc", [1.0, 0.0, 1.0], [(1, 2), (1, 2), (0, 2)])
    b = record("abc", [1.0, 0.0, 1.0], [(1, 2), (1, 2), (4, 8)])
    line = compare(a, b).lines["p01"]
    assert line.difference.mean == pytest.approx(6 / 12 - 2 / 6)
    assert -1 <= line.difference.low < line.difference.mean < line.difference.high <= 1


def test_one_common_task_is_a_difference_without_interval() -> None:
    line = compare(record("ab", [1.0, 0.0], NOTHING[:2]), record("bc", [0.5, 1.0], NOTHING[:2]))
    difference = line.lines["pass@1"].difference
    assert (difference.mean, difference.n_tasks) == (0.5, 1)
    assert np.isnan(difference.low)


def test_a_record_that_was_changed_is_one_line() -> None:
    a = record("abc", [1.0, 0.0, 1.0], NOTHING)
    for name in ("conditions", "tasks", "per_task"):
        with pytest.raises(RunError, match="not of this version's form"):
            compare(a, {k: v for k, v in a.items() if k != name})


def test_both_tables_call_a_figure_by_one_name() -> None:
    names = ["dual_2x2", "catch_rate", "tester.failed.no_assertion", "pass@1", "bon_2x2", "x_y"]
    assert list(figure_labels(names).items()) == [
        ("pass@1", "programs right (pass@1)"),
        ("catch_rate", "wrong programs caught"),
        ("x_y", "x y"),
        ("dual_2x2", "2 × 2, dual agreement (CodeT)"),
        ("bon_2x2", "2 × 2, tests passed"),
        ("tester.failed.no_assertion", "tester: no assertion"),
    ]


def test_the_hash_of_a_task_outlives_the_names_of_its_fields() -> None:
    """The value is that of the version in which hidden tests were called withheld."""
    task = Task("t", "Print 1.", (Test("1", "1"), Test("2", "1")))
    assert task_digest(task) == "97a41968d4dec82cef05042ff1335c63"
