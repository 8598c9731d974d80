"""How often the 95% intervals contain the truth, on simulated models whose accuracies are known.

    python benchmarks/coverage.py [--draws 1000] [--tasks 40 80 164] [--json FILE]

A population says how tasks differ. Four chances are drawn per task from beta distributions: that a
program is correct, that a test is right, that a wrong program passes a right test (p01), and that
it passes a wrong one (p00). Correct programs pass right tests and fail wrong ones. An evaluation
draws a number of tasks, with 16 programs and 16 tests each. The truth is the figure of 200,000
tasks of the same population.
Every figure goes through the functions that `metrics.benchmark` uses. Prints a table of per cents.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.metrics.intervals import (
    Estimate,
    paired_difference,
    ratio,
)
from sparring.metrics.rates import Rate, rates
from sparring.metrics.share_intervals import (
    Unit,
    jackknife_interval,
    ratio_difference,
    ratio_interval,
    share_interval,
)
from sparring.selection.ranked import pass_at_k

SAMPLES = 16
TRUTH = 200_000
CHUNK = 20_000
UNITS = {"pass@4": Unit.SET, "pass@8": Unit.SET, "bon_16x16": Unit.CHOICE}


@dataclass(frozen=True)
class Population:
    """Parameters (a, b) of the beta distributions; with ``tied`` easy tasks have right tests."""

    correct: tuple[float, float]
    right: tuple[float, float]
    p01: tuple[float, float]
    p00: tuple[float, float]
    tied: bool = False


POPULATIONS = {
    "even": Population((1, 1.5), (2, 1.5), (2, 3), (1, 4)),
    "tied": Population((1, 1.5), (2, 1.5), (2, 3), (1, 4), tied=True),
    "hard": Population((0.4, 3.6), (1, 4), (1, 1), (0.5, 4)),
    "easy": Population((4, 0.5), (4, 1), (1, 1), (0.5, 4)),
    "split": Population((0.3, 0.3), (0.5, 0.5), (0.5, 0.5), (0.3, 2)),
    "extreme": Population((0.3, 9.7), (9.5, 0.5), (0.5, 0.5), (0.3, 5)),
}


@dataclass(frozen=True)
class Tasks:
    """Per task [tasks]: values of the means, (numerator, denominator) of the ratios, and the same
    of a second model that is wrong a tenth more often on the same tasks."""

    means: dict[str, Floats]
    sums: dict[str, tuple[Floats, Floats]]
    second: dict[str, Floats]
    matrices: tuple[Bools, Bools, Bools] | None = None
    """Where asked for: correct programs, passed cells, right tests."""

    def part(self, where: slice) -> Tasks:
        return Tasks(
            {k: v[where] for k, v in self.means.items()},
            {k: (a[where], b[where]) for k, (a, b) in self.sums.items()},
            {k: v[where] for k, v in self.second.items()},
        )


def draw(
    population: Population, tasks: int, rng: np.random.Generator, matrices: bool = False
) -> Tasks:
    """Draw tasks, and a model's programs and tests for them."""
    chance = rng.beta(*population.correct, tasks)
    u = rng.beta(*population.right, tasks)
    if population.tied:  # the same chances, in the order of the others
        u = np.sort(u)[chance.argsort().argsort()]
    p01, p00 = rng.beta(*population.p01, tasks), rng.beta(*population.p00, tasks)
    correct = rng.random((tasks, SAMPLES)) < chance[:, None]
    right = rng.random((tasks, SAMPLES)) < u[:, None]
    slip = np.where(right, p01[:, None], p00[:, None])
    lucky = rng.random((tasks, SAMPLES, SAMPLES), dtype=np.float32) < slip[:, None]
    passed = np.where(correct[:, :, None], right[:, None], lucky)
    score = passed.sum(axis=2)
    top = score == score.max(axis=1, keepdims=True)
    at = [np.array([pass_at_k(c, SAMPLES, k) for c in range(SAMPLES + 1)]) for k in (4, 8)]
    has_correct = correct.any(axis=1)
    means = {
        "pass@1": correct.mean(axis=1),
        "unit_test_accuracy": right.mean(axis=1),
        "unit_test_accuracy_estimate": np.where(has_correct, right.mean(axis=1), np.nan),
        "pass@4": at[0][correct.sum(axis=1)],
        "pass@8": at[1][correct.sum(axis=1)],
        "bon_16x16": (top & correct).sum(axis=1) / top.sum(axis=1),
    }
    wrong, rights = (~correct).sum(axis=1), right.sum(axis=1)
    by_wrong = passed & ~correct[:, :, None]
    on_right = (by_wrong & right[:, None]).sum(axis=(1, 2))
    on_wrong = (by_wrong & ~right[:, None]).sum(axis=(1, 2))
    sums = {
        "p_u": (rights, np.full(tasks, SAMPLES)),
        "p01": (on_right, wrong * rights),
        "p00": (on_wrong, wrong * (SAMPLES - rights)),
        "catch_rate": (wrong * rights - on_right, wrong * SAMPLES),
    }
    worse = rng.random((tasks, SAMPLES)) < 0.9 * chance[:, None]
    return Tasks(
        means,
        {k: (a.astype(float), b.astype(float)) for k, (a, b) in sums.items()},
        {"pass@1": worse.mean(axis=1), "wrong": (~worse).sum(axis=1).astype(float)},
        (correct, passed, right) if matrices else None,
    )


def estimates(tasks: Tasks) -> dict[str, Estimate]:
    """Every figure of an evaluation, with its interval."""
    found = {}
    for name, values in tasks.means.items():
        found[name] = share_interval(values, UNITS.get(name, Unit.SHARE))
    linear = {name: ratio(a, b) for name, (a, b) in tasks.sums.items()}
    for name in ("p01", "p00", "catch_rate"):
        found[name] = ratio_interval(linear[name])
    counts = np.zeros((len(tasks.means["pass@1"]), len(Rate), 2))
    for i, rate in enumerate(Rate):
        if rate.value in tasks.sums:
            counts[:, i, 0], counts[:, i, 1] = tasks.sums[rate.value]
    found["mu"] = jackknife_interval(rates(counts).mu())
    found["pass@1, difference"] = paired_difference(tasks.means["pass@1"], tasks.second["pass@1"])
    size = np.full(len(counts), float(SAMPLES))
    wrong = size * (1 - tasks.means["pass@1"])
    found["ratio, difference"] = ratio_difference(
        ratio(wrong, size + wrong), ratio(tasks.second["wrong"], size + tasks.second["wrong"])
    )
    return found


def joined(parts: list[Tasks]) -> Tasks:
    def all_of(pick: Callable[[Tasks], dict[str, Floats]]) -> dict[str, Floats]:
        return {k: np.concatenate([pick(p)[k] for p in parts]) for k in pick(parts[0])}

    above = all_of(lambda p: {k: a for k, (a, _) in p.sums.items()})
    below = all_of(lambda p: {k: b for k, (_, b) in p.sums.items()})
    return Tasks(
        all_of(lambda p: p.means),
        {k: (above[k], below[k]) for k in above},
        all_of(lambda p: p.second),
    )


def many(population: Population, tasks: int, rng: np.random.Generator) -> Tasks:
    """As `draw`, in pieces that fit into memory."""
    sizes = [min(CHUNK, tasks - start) for start in range(0, tasks, CHUNK)]
    return joined([draw(population, size, rng) for size in sizes])


def coverage(
    population: Population,
    tasks: int,
    draws: int,
    truth: dict[str, float],
    rng: np.random.Generator,
) -> dict[str, float]:
    """The share of the intervals of every figure that contain the truth."""
    all_tasks = many(population, tasks * draws, rng)
    held = dict.fromkeys(truth, 0)
    for i in range(draws):
        for name, e in estimates(all_tasks.part(slice(i * tasks, (i + 1) * tasks))).items():
            held[name] += e.low <= truth[name] <= e.high
    return {name: count / draws for name, count in held.items()}


def truths(
    population: Population, rng: np.random.Generator, tasks: int = TRUTH
) -> dict[str, float]:
    return {name: e.mean for name, e in estimates(many(population, tasks, rng)).items()}


def table(draws: int, sizes: list[int], seed: int) -> Iterator[dict[str, object]]:
    """Return a row for each population and number of tasks."""
    for number, (name, population) in enumerate(POPULATIONS.items()):
        truth = truths(population, np.random.default_rng([seed, number]))
        for tasks in sizes:
            rng = np.random.default_rng([seed, number, tasks])
            yield {
                "population": name,
                "tasks": tasks,
                "truth": truth,
                "coverage": coverage(population, tasks, draws, truth, rng),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tasks", type=int, nargs="+", default=[40, 80, 164])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the table to this file")
    args = parser.parse_args()
    rows = []
    for row in table(args.draws, args.tasks, args.seed):
        rows.append(row)
        print(f"{row['population']}, {row['tasks']} tasks: truth → intervals that contain it")
        for name, share in row["coverage"].items():
            mark = "" if 0.93 <= share <= 0.97 else "  *"
            print(f"  {name:30} {100 * row['truth'][name]:6.1f} → {100 * share:5.1f}{mark}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
