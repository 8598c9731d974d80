"""Figures that tell right tests from easy ones, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sparring.matrix import Bools
from sparring.metrics.benchmark import measure
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import accuracy, summarise
from sparring.metrics.shortcuts import caught_by_right_test, shortcut_means, shortcut_ratios
from tests.metrics.groups import by_hand, simulated


def marked(text: str) -> Bools:
    return np.array([c == "x" for c in text], dtype=bool)


def group(rows: list[str], right: str, copied: str, trivial: str, read: str = "") -> TaskFacts:
    """As `by_hand`; x marks copied tests, trivial tests, and programs that could be read."""
    return replace(
        by_hand(rows, right),
        copied_U=marked(copied),
        trivial_U=marked(trivial),
        readable_P=marked(read or "x" * len(rows)),
    )


MIXED = group(["11100", "00100", "00000"], "rrw-", "x...", ".xx.", "xx.")
PLAIN = group(["11111", "00000", "01111"], "wwww", "xx..", "....")


def means(*tasks: TaskFacts) -> dict[str, float]:
    return {
        name: float(values[~np.isnan(values)].mean())
        for name, values in shortcut_means(tasks).items()
        if not np.isnan(values).all()
    }


def ratios(*tasks: TaskFacts) -> dict[str, float]:
    return {name: figure.value for name, figure in shortcut_ratios(tasks).items()}


def test_shares_of_all_responses() -> None:
    assert means(MIXED) == pytest.approx(
        {
            "programs_readable": 2 / 3,
            "tests_readable": 3 / 4,
            "tests_right_own": 1 / 4,  # the second; the first is copied
            "tests_right_not_trivial": 1 / 4,  # the first
            "tests_right_own_not_trivial": 0.0,
            # the first test is failed by both wrong programs, the second by one of them
            "caught_by_right_test": (1 + 1 / 2) / 2,
        }
    )


def test_shares_of_the_readable_are_ratios_of_sums() -> None:
    assert ratios(MIXED, PLAIN) == pytest.approx(
        {
            "programs_right_of_readable": (1 + 1) / (2 + 3),
            "tests_right_of_readable": 2 / (3 + 4),
            "tests_copied": (1 + 2) / (3 + 4),
            "tests_trivial": (2 + 0) / (3 + 4),
        }
    )


def test_a_task_without_a_right_test_says_nothing_of_right_tests() -> None:
    assert math.isnan(caught_by_right_test(PLAIN))
    summary = summarise([MIXED, PLAIN], 2, 2)
    assert summary.estimates["caught_by_right_test"].n_tasks == 1
    assert summary.estimates["tests_right_own"].mean == pytest.approx((1 / 4 + 0) / 2)


def test_a_masked_cell_is_left_out_of_its_test() -> None:
    """The first test was seen on one wrong program, which fails it; the second on none."""
    masked = group(["111", "00?", "0??"], "rr", "..", "..")
    assert caught_by_right_test(masked) == 1.0
    assert math.isnan(caught_by_right_test(group(["111", "0??"], "rr", "..", "..")))


def test_the_programs_of_the_pool_are_caught_not_the_own() -> None:
    pool = by_hand(["00", "00", "01", "01", "11"], "r").matrix
    own = group(["11", "01"], "r", ".", ".")
    assert caught_by_right_test(own) == 0.0
    assert caught_by_right_test(replace(own, pool=pool)) == 1 / 2
    of_run = summarise([replace(own, pool=pool)] * 2, 1, 1).estimates
    assert of_run["coverage@1"].mean == of_run["catch_rate"].mean == 1 / 2


def test_a_program_without_a_known_truth_is_in_no_share_of_right_ones() -> None:
    """The first is right, the second wrong, the third masked, the fourth unread and wrong."""
    one = group(["11", "00", "?1", "00"], "r", ".", ".", "xxx.")
    figures = {k: e.mean for k, e in measure([one, one], [(1, 1)], [1]).estimates.items()}
    assert figures["programs_readable"] == 3 / 4
    assert figures["programs_right_of_readable"] == 1 / 2
    assert figures["pass@1"] == 1 / 3


def test_what_is_unknown_has_no_figure() -> None:
    """No reference, no size of an input, nothing known of readings and copies."""
    for unknown in (
        replace(MIXED, right_U=None),
        replace(MIXED, trivial_U=None),
        by_hand(["11", "00"], "r"),
    ):
        estimates = summarise([unknown, unknown], 1, 1).estimates
        assert estimates["tests_right_own_not_trivial"].n_tasks == 0
    assert estimates["tests_readable"].mean == 1.0
    for name in ("programs_readable", "tests_copied", "tests_trivial", "tests_right_own"):
        assert estimates[name].n_tasks == 0
        assert math.isnan(estimates[name].mean)


def test_a_task_without_tests_has_figures_of_programs_alone() -> None:
    figures = measure([group(["1", "0"], "", "", "")] * 2, [(1, 0)], [1]).estimates
    assert figures["programs_readable"].mean == 1.0
    assert not any(e.n_tasks for name, e in figures.items() if name.startswith("tests_"))


@pytest.mark.parametrize("seed", range(20))
def test_how_the_figures_are_related(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tasks = [
        replace(
            simulated(rng, str(i), parsed=0.7),
            copied_U=rng.random(6) < 0.3,
            trivial_U=rng.random(6) < 0.3,
        )
        for i in range(8)
    ]
    mean, of_readable = means(*tasks), ratios(*tasks)
    right = float(np.mean([accuracy(f) for f in tasks]))
    assert right == pytest.approx(mean["tests_readable"] * of_readable["tests_right_of_readable"])
    own, big = mean["tests_right_own"], mean["tests_right_not_trivial"]
    both = mean["tests_right_own_not_trivial"]
    assert own + big - right - 1e-12 <= both <= min(own, big) <= max(own, big) <= right
    # with one task, every right test was seen on the same programs: what p01 leaves
    for f in tasks:
        p01 = summarise([f], 1, 1).estimates["p01"].mean
        caught = caught_by_right_test(f)
        assert (math.isnan(p01) and math.isnan(caught)) or caught == pytest.approx(1 - p01)
