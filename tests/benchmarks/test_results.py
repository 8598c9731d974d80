"""The tables of the evidence: which runs are compared, and with what interval."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring.metrics.student import t95

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import results
import results_tables

TASKS = 40


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (results, results_tables):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    return tmp_path


def kept(phase: str, arm: str, rate: float, seed: int, **after: float) -> None:
    """A result whose tasks all have these figures."""
    figures = dict.fromkeys(results.LABELS, 0.5) | after
    file = results.Run(phase, arm, rate, seed, "", 0).file
    file.parent.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "seed": seed,
        "learning_rate": rate,
        "steps": 7,
        "before": figures,
        "after": figures,
        "gradient_share": {"coder": 0.5, "tester": 0.5},
        "per_task": {k: [figures[k]] * TASKS for k in results.KEPT},
    }
    file.write_text(json.dumps(record))


def chosen(arm: str, best: float, metric: str = results.PRIMARY) -> None:
    for rate in results.RATES:
        kept("choose", arm, rate, 0, **{metric: 0.6 if rate == best else 0.5})


def test_the_rate_of_a_coder_alone_is_chosen_by_what_a_coder_can_change() -> None:
    """With a frozen tester the primary metric is the same at every rate."""
    chosen("coder_only", 1e-3, "bon_8x8")
    assert results.chosen_rate("coder_only") == 1e-3
    chosen("default", 3e-4)
    assert results.chosen_rate("default") == 3e-4
    assert "coder_only (Best-of-8×8, own samples) | 50.0 | 50.0 | 60.0" in results_tables.tables()


def test_runs_at_a_rate_that_was_not_chosen_are_in_no_table() -> None:
    for arm in ("default", "paper"):
        chosen(arm, 3e-4)
        for rate, figure in ((1e-4, 0.1), (3e-4, 0.8), (1e-3, 0.2)):
            kept("confirm", arm, rate, 10, pool_bon_8x8=figure)
    for rate, figure in ((3e-4, 0.7), (1e-3, 0.1)):
        kept("ablate", "no_validity", rate, 0, pool_bon_8x8=figure)
        kept("free", "label_free", rate, 10, pool_bon_8x8=figure)
    text = results_tables.tables()
    assert "| Best-of-8×8, fixed pool | 80.0 | 80.0 | 80.0 |" in text
    assert (
        "| reward.validity_bonus=0 | +10.0 [+10.0, +10.0]" in text
    )  # 70 less the 60 of the choice
    assert "| Best-of-8×8, fixed pool | 70.0 | 80.0 | 70.0 |" in text


def test_an_interval_is_of_the_paired_difference_over_seeds_and_tasks() -> None:
    rng = np.random.default_rng(1)
    seed, task = rng.normal(0, 0.2, (3, 1)), rng.normal(0, 0.3, (1, TASKS))
    noise, nothing = rng.normal(0.2, 0.1, (3, TASKS)), np.zeros((3, TASKS))

    def paired(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
        runs = [[{"per_task": {"m": row.tolist()}} for row in rows] for rows in (one, other)]
        return results_tables.paired(runs[0], runs[1], "m")

    mean, low, high = paired(noise, nothing)
    assert mean == pytest.approx(100 * float(noise.mean()))
    assert low < mean < high
    # what tasks have in common is in no difference; what a seed adds to one arm is in its interval
    assert paired(task + noise, task + nothing) == pytest.approx((mean, low, high))
    _, lower, higher = paired(seed + noise, nothing)
    assert higher - lower > 2 * (high - low)


@pytest.mark.parametrize(
    ("seeds", "tasks", "of_seeds", "least"),
    [
        (3, 300, 0.0, 0.93),
        (3, 300, 0.03, 0.93),
        (5, 300, 0.01, 0.93),
        (5, 300, 0.03, 0.93),
        (2, 40, 0.0, 0.93),
        (2, 40, 0.03, 0.93),
        (2, 40, 0.08, 0.91),
    ],
)
def test_intervals_cover_what_they_promise(
    seeds: int, tasks: int, of_seeds: float, least: float
) -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(500):
        difference = (
            of_seeds * rng.normal(size=(seeds, 1))
            + 0.1 * rng.normal(size=(1, tasks))
            + 0.35 * rng.normal(size=(seeds, tasks))
        )
        mean, spread = results_tables.interval(difference)
        held += abs(mean) <= spread
    assert least <= held / 500 <= 0.99


def test_of_one_seed_the_interval_is_over_tasks_and_unknown_tasks_are_left_out() -> None:
    row = np.array([[0.0, 1.0, 0.5, 0.0, np.nan]])
    known = row[0, :4]
    mean, spread = results_tables.interval(row)
    assert mean == pytest.approx(float(known.mean()))
    assert spread == pytest.approx(t95(3) * float(known.std(ddof=1)) / 2)


def test_the_bundle_is_compared_over_the_common_seeds() -> None:
    chosen("default", 3e-4)
    for seed in (0, 1):
        kept("bundle", "default", 3e-4, seed, pool_bon_8x8=0.6)
    kept("bundle", "bare", 3e-4, 0, pool_bon_8x8=0.5)
    text = results_tables.tables()
    assert "whole budget, seed 0)" in text
    assert "| Best-of-8×8, fixed pool | 60.0 | 50.0 | -10.0 [-10.0, -10.0] |" in text
