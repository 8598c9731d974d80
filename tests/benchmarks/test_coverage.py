"""Intervals of simulated evaluations with known accuracies contain the truth as often as they say.

The whole table is `benchmarks/coverage.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sparring.metrics.benchmark import measure
from sparring.metrics.intervals import mean_interval
from tests.metrics.test_benchmark import facts

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import coverage

DRAWS = 1000
ENOUGH = 60_000


@pytest.mark.parametrize(("population", "tasks"), [("tied", 40), ("hard", 80)])
def test_95_of_100_intervals_contain_the_truth(population: str, tasks: int) -> None:
    rng = np.random.default_rng(0)
    truth = coverage.truths(coverage.POPULATIONS[population], rng, ENOUGH)
    held = coverage.coverage(coverage.POPULATIONS[population], tasks, DRAWS, truth, rng)
    assert len(held) == 12
    assert {name: x for name, x in held.items() if not 0.93 <= x <= 0.97} == {}


def test_rare_successes_need_more_than_the_mean_and_its_error() -> None:
    """That the check has the power to fail: of 40 tasks at 3%, mean ± t · error holds too
    seldom, the interval of a share as often as it says."""
    rng = np.random.default_rng(0)
    chance = rng.beta(0.3, 9.7, (DRAWS, 40))
    values = rng.binomial(16, chance) / 16
    plain = [mean_interval(row) for row in values]
    ours = [coverage.share_interval(row) for row in values]
    assert np.mean([e.low <= 0.03 <= e.high for e in plain]) < 0.91
    assert 0.93 <= np.mean([e.low <= 0.03 <= e.high for e in ours]) <= 0.97


def test_the_simulated_figures_are_those_of_an_evaluation() -> None:
    """The vectorised figures of a population equal what `measure` gives for its matrices."""
    population = coverage.POPULATIONS["even"]
    drawn = coverage.draw(population, 6, np.random.default_rng(1), matrices=True)
    assert drawn.matrices is not None
    tasks = [
        facts(
            [
                "01"[int(good)] + "".join("01"[int(x)] for x in row)
                for good, row in zip(correct, passed, strict=True)
            ],
            "".join("wr"[int(x)] for x in right),
        )
        for correct, passed, right in zip(*drawn.matrices, strict=True)
    ]
    found = measure(tasks, [(16, 16)], [4, 8])
    for name, values in drawn.means.items():
        assert values == pytest.approx(found.per_task[name], nan_ok=True), name
    simulated = coverage.estimates(drawn)
    for name in ("p01", "p00", "mu", "catch_rate", *drawn.means):
        one, other = simulated[name], found.estimates[name]
        assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))
