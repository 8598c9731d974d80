"""Figures of the tables: their names in records, their labels, and the form of their numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

from benchmarks.pretrained.measuring import DataSet

from sparring.metrics.intervals import Estimate
from sparring.metrics.metric_intervals import is_share


class Figure(NamedTuple):
    """Row of a table: a figure of a model's evaluation or, with ``pool``, of its tests on the fixed
    pool, which is the programs of the initial model."""

    name: str
    label: str
    pool: bool = False


FIGURES = (
    Figure("pass@1", "programs right (pass@1)"),
    Figure("programs_readable", "programs readable"),
    Figure("programs_right_of_readable", "programs right, of the readable"),
    Figure("unit_test_accuracy", "tests right (an unreadable one is wrong)"),
    Figure("tests_readable", "tests readable"),
    Figure("tests_right_of_readable", "tests right, of the readable"),
    Figure("tests_right_own_not_trivial", "tests right, not copied, not trivial (of all)"),
    Figure("tests_copied", "tests copied from the statement, of the readable"),
    Figure("tests_trivial", "trivial inputs, of the readable"),
    Figure("distinct_inputs", "distinct inputs, of the readable"),
    Figure("catch_rate", "of all pairs of own wrong program and test: right and caught"),
    Figure("caught_by_right_test", "own wrong programs caught by a right test"),
    Figure("mutation_score", "mutants of the reference caught by a right test"),
    Figure("p01", "p01: wrong program passes right test"),
    Figure("p00", "p00: wrong program passes wrong test"),
    Figure("mu", "μ"),
    Figure("bon_4x4", "Best-of-4×4, own samples"),
    Figure("oracle_4x4", "oracle of 4, own samples"),
    Figure("bon_4x4", "Best-of-4×4, fixed pool", pool=True),
    Figure(
        "catch_rate", "of all pairs of wrong pool program and test: right and caught", pool=True
    ),
    Figure("caught_by_right_test", "wrong pool programs caught by a right test", pool=True),
    Figure("p01", "p01, fixed pool", pool=True),
    Figure("p00", "p00, fixed pool", pool=True),
    Figure("mu", "μ, fixed pool", pool=True),
)
TITLES = {
    DataSet.MBPP: "held-out MBPP",
    DataSet.HUMANEVAL: "HumanEval",
    DataSet.BARE: "HumanEval without examples",
}


def shown_number(value: float, name: str, sign: str = "") -> str:
    """Return a number: a share in per cent, – for an unknown one."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:{sign}.1f}" if is_share(name) else f"{value:{sign}.2f}"


def shown_level(estimate: Estimate, name: str, tasks: int = 0) -> str:
    """Return a figure with its interval; a share in per cent. The number of tasks that it is of
    follows where it is less than ``tasks``."""
    low, high = shown_number(estimate.low, name), shown_number(estimate.high, name)
    return f"{shown_number(estimate.mean, name)} [{low}, {high}]{_of(estimate, tasks)}"


def shown_change(estimate: Estimate, name: str, tasks: int = 0) -> str:
    """Return a difference with its interval; that of a share in points. The number of tasks that it
    is of follows where it is less than ``tasks``."""
    low, high = shown_number(estimate.low, name, "+"), shown_number(estimate.high, name, "+")
    return f"{shown_number(estimate.mean, name, '+')} [{low}, {high}]{_of(estimate, tasks)}"


def _of(estimate: Estimate, tasks: int) -> str:
    known = estimate.n_tasks
    return f" ({known} task{'s' if known != 1 else ''})" if known < tasks else ""
