"""Tests as judges of programs: false acceptance, false rejection, and joint coverage.

FAR (false acceptance rate) is the share of wrong programs that are accepted. FRR (false rejection
rate) is the share of correct programs that are rejected. They are 1 − TNR and 1 − TPR of
CodeContests+ (arXiv 2506.05817). Both are computed for a single test and for a suite. A suite
accepts a program if all its tests accept the program. The rightness of a test does not matter here:
every accepted wrong program counts. p01 and p00 (`rates`) tell right and wrong tests apart.

Coverage@N (TestCase-Eval, arXiv 2506.12278) is the share of wrong programs that N tests catch
together. A test catches a program that fails it, if the test is right; a wrong test that every
program fails catches none. TestCase-Eval draws N tests once. Here it is the expectation over all
subsets of the M tests, without drawing: a program that d of M tests catch escapes N of them with
probability C(M − d, N) / C(M, N). The chance that a suite accepts is computed in the same way.

A response without a test is one of the M tests, and neither rejects nor catches. A masked cell
takes its test out of the M tests of the program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Influence, ratio


def verification(tasks: Sequence[TaskFacts], sizes: Sequence[int]) -> dict[str, Influence]:
    """Return ``far`` and ``frr`` of a readable test, and ``suite_far_N`` and ``suite_frr_N`` of N
    tests for each of ``sizes``."""
    figures = {
        "far": _summed([_cells(f, f.matrix.wrong_P, passes=True) for f in tasks]),
        "frr": _summed([_cells(f, f.matrix.correct_P, passes=False) for f in tasks]),
    }
    for n in sizes:
        accepted = [suite_accepts(f, n) for f in tasks]
        wrong = [a[f.matrix.wrong_P] for a, f in zip(accepted, tasks, strict=True)]
        right = [1 - a[f.matrix.correct_P] for a, f in zip(accepted, tasks, strict=True)]
        figures[f"suite_far_{n}"] = _summed([_sum_of_known(values) for values in wrong])
        figures[f"suite_frr_{n}"] = _summed([_sum_of_known(values) for values in right])
    return figures


def coverage(facts: TaskFacts, n: int) -> float:
    """Return Coverage@n of one task; NaN without a reference, a wrong program, or n tests.

    The wrong programs are those of the pool or, without a pool, of the task itself.
    """
    right, matrix = facts.right_U, facts.pool or facts.matrix
    if right is None:
        return math.nan
    caught = ~matrix.passed_PU & right & facts.parsed_U
    escaped = _all_of(~caught, matrix.observed_PU, n)[matrix.wrong_P]
    known = escaped[~np.isnan(escaped)]
    return float(1 - known.mean()) if len(known) else math.nan


def suite_accepts(facts: TaskFacts, n: int) -> Floats:
    """Return, for each program [P], the chance that n of the task's tests, drawn without
    replacement, all accept it; NaN for a program with fewer than n observed tests."""
    return _all_of(facts.matrix.passed_PU | ~facts.parsed_U, facts.matrix.observed_PU, n)


def _all_of(good_PU: Bools, observed_PU: Bools, n: int) -> Floats:
    """Return the chance that n observed columns are all good, for each row."""
    good = (good_PU & observed_PU).sum(axis=1)
    total = observed_PU.sum(axis=1)
    return np.array(
        [
            math.comb(int(g), n) / math.comb(int(t), n) if t >= n else math.nan
            for g, t in zip(good, total, strict=True)
        ],
        dtype=float,
    )


def _cells(facts: TaskFacts, programs_P: Bools, *, passes: bool) -> tuple[float, float]:
    """Return (cells, all cells) of these programs on the readable tests.

    The first number counts the cells that pass or, without ``passes``, the cells that fail.
    """
    observed = facts.matrix.observed_PU[programs_P][:, facts.parsed_U]
    passed = facts.matrix.passed_PU[programs_P][:, facts.parsed_U]
    hit = observed & (passed if passes else ~passed)
    return float(hit.sum()), float(observed.sum())


def _sum_of_known(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return float(known.sum()), float(len(known))


def _summed(pairs: Sequence[tuple[float, float]]) -> Influence:
    return ratio(np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
