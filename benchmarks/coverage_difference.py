"""Do intervals of a paired difference contain the truth where few tasks decide a ratio?

    python benchmarks/coverage_difference.py [--draws 1500] [--tasks 40 164]

Two simulated coders on the same tasks, 16 programs and 16 tests each; p01 of
the second is higher by 0.1. The better a coder, the fewer wrong programs there
are for p01 to be counted on. `coverage.py` has the other figures.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from sparring.matrix import Floats
from sparring.metrics.intervals import Influence, influence_difference, ratio
from sparring.metrics.share_intervals import ratio_difference

SAMPLES = 16
TRUTH = 400_000
CODERS = ((0.4, 0.4), (0.4, 0.95), (0.9, 0.95), (0.97, 0.98))


def drawn(
    rng: np.random.Generator, tasks: int, pair: tuple[float, float]
) -> list[tuple[Floats, Floats]]:
    """Of each coder the cells of wrong programs on right tests that pass, and all [tasks]."""
    hardness, base = rng.random(tasks), rng.beta(2, 4, tasks)
    found = []
    for accuracy, more in zip(pair, (0.0, 0.1), strict=True):
        own = rng.beta(2 * accuracy, 2 * (1 - accuracy), tasks)
        shared = np.clip(accuracy + 0.6 * (hardness - 0.5), 0.01, 0.99)
        wrong = rng.binomial(SAMPLES, 1 - (own + shared) / 2)
        cells = wrong * rng.binomial(SAMPLES, 0.6, tasks)
        passed = rng.binomial(cells, np.clip(base + more, 0, 1))
        found.append((passed.astype(float), cells.astype(float)))
    return found


def coverage(pair: tuple[float, float], tasks: int, draws: int) -> dict[str, float]:
    """The share of the intervals that contain the truth, by method."""
    rng = np.random.default_rng([tasks, *(int(100 * x) for x in pair)])
    first, second = (passed.sum() / cells.sum() for passed, cells in drawn(rng, TRUTH, pair))
    truth, hits, count = second - first, [0, 0], 0
    for _ in range(draws):
        p, q = (ratio(*x) for x in drawn(rng, tasks, pair))
        if math.isnan(p.value) or math.isnan(q.value):
            continue
        count += 1
        for i, found in enumerate(_both(p, q)):
            hits[i] += found[0] <= truth <= found[1]
    return {"ours": hits[0] / count, "influences alone": hits[1] / count}


def _both(p: Influence, q: Influence) -> list[tuple[float, float]]:
    return [(e.low, e.high) for e in (ratio_difference(p, q), influence_difference(p, q))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1500)
    parser.add_argument("--tasks", type=int, nargs="+", default=[40, 164])
    args = parser.parse_args()
    for tasks in args.tasks:
        for pair in CODERS:
            shares = coverage(pair, tasks, args.draws)
            told = ", ".join(f"{name} {100 * share:.1f}" for name, share in shares.items())
            print(f"{tasks} tasks, {pair[0]:.0%} and {pair[1]:.0%} right: {told}")


if __name__ == "__main__":
    main()
