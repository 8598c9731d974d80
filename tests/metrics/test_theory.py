"""The theorem by exact computation: laws against enumeration and simulation, bound and limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.metrics.theory import (
    CAP,
    Law,
    Ties,
    bound,
    difference,
    precision,
    slopes,
    tests_by_bound,
    tests_for,
)


def law(p_u: float, p01: float, p00: float) -> Law:
    """The law of X by the model's rates, each in [0, 1]."""
    return Law(p_u * (1 - p01), (1 - p_u) * p00)


LAWS = [law(0.7, 0.4, 0.2), law(0.5, 0.8, 0.3), law(0.9, 0.0, 1.0), Law(0.0, 0.0), Law(0.25, 0.25)]


@st.composite
def laws(draw: st.DrawFn) -> Law:
    share = st.floats(0, 1)
    return law(draw(share), draw(share), draw(share))


def test_by_hand() -> None:
    # P(X = 1) = 0.8 · 0.5 = 0.4, P(X = −1) = 0.2 · 0.5 = 0.1, P(X = 0) = 0.5
    x = law(0.8, 0.5, 0.5)
    assert x.mu == pytest.approx(0.3)
    # two tests: −2 .01, −1 2·.1·.5, 0 .25 + 2·.4·.1, 1 2·.4·.5, 2 .16
    assert difference(x, 2) == pytest.approx([0.01, 0.1, 0.33, 0.4, 0.16])
    assert precision(x, 2, Ties.LOST) == pytest.approx(0.56)
    assert precision(x, 2, Ties.HALVED) == pytest.approx(0.56 + 0.165)
    assert precision(x, 0, Ties.LOST) == 0
    assert precision(x, 0, Ties.HALVED) == 0.5
    # one ground-truth test: always right, so 1 − p01
    assert precision(law(1, 0.3, 0), 1, Ties.LOST) == pytest.approx(0.7)
    assert bound(0.5, 32) == pytest.approx(1 - math.exp(-1))


@pytest.mark.parametrize("x", LAWS)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_the_law_of_the_difference_is_that_of_all_outcomes(x: Law, m: int) -> None:
    found = np.zeros(2 * m + 1)
    chance = {-1: x.down, 0: 1 - x.up - x.down, 1: x.up}
    for outcome in itertools.product((-1, 0, 1), repeat=m):
        found[sum(outcome) + m] += math.prod(chance[one] for one in outcome)
    assert difference(x, m) == pytest.approx(found, abs=1e-12)


def test_the_law_is_that_of_simulated_programs_and_tests() -> None:
    """From the model's own words: tests that are right or wrong, programs that pass or fail."""
    rng = np.random.default_rng(1)
    p_u, p01, p00, m, draws = 0.6, 0.5, 0.3, 7, 200_000
    right = rng.random((draws, m)) < p_u
    wrong_passes = rng.random((draws, m)) < np.where(right, p01, p00)
    ahead = right.sum(axis=1) - wrong_passes.sum(axis=1)
    for ties, seen in (
        (Ties.LOST, (ahead > 0).mean()),
        (Ties.HALVED, (ahead > 0).mean() + (ahead == 0).mean() / 2),
    ):
        assert precision(law(p_u, p01, p00), m, ties) == pytest.approx(seen, abs=0.005)


GRID = [0.0, 0.05, 0.3, 0.5, 0.75, 1.0]
TESTS = [0, 1, 2, 3, 5, 8, 16, 33, 128]


def test_precision_is_never_under_the_bound() -> None:
    tried = 0
    for p_u, p01, p00 in itertools.product(GRID, repeat=3):
        x = law(p_u, p01, p00)
        for m in TESTS if x.mu > 0 else ():
            tried += 1
            assert precision(x, m, Ties.LOST) >= bound(x.mu, m), (p_u, p01, p00, m)
    assert tried > 800


@given(laws(), st.integers(0, 40))
def test_precision_is_never_under_the_bound_anywhere(x: Law, m: int) -> None:
    assert precision(x, m, Ties.LOST) >= bound(x.mu, m) - 1e-12


@pytest.mark.parametrize("ties", Ties)
def test_the_sign_of_mu_decides_the_limit(ties: Ties) -> None:
    assert precision(Law(0.3, 0.2), 2000, ties) > 1 - 1e-9
    assert precision(Law(0.2, 0.3), 2000, ties) < 1e-9


def test_without_mu_the_limit_is_one_half() -> None:
    x = Law(0.25, 0.25)
    assert precision(x, 500, Ties.HALVED) == pytest.approx(0.5)
    lost = [precision(x, m, Ties.LOST) for m in (1, 10, 100, 1000)]
    assert lost == sorted(lost)
    assert 0.48 < lost[-1] < 0.5
    assert precision(Law(0, 0), 100, Ties.LOST) == 0  # tests that tell nothing: always a tie
    assert precision(Law(0, 0), 100, Ties.HALVED) == 0.5


@given(laws(), st.integers(0, 30))
def test_with_ties_halved_a_test_more_gains_half_of_mu_where_it_breaks_a_tie(
    x: Law, m: int
) -> None:
    """So more tests help iff μ > 0, at every m; docs/theory.md has the proof."""
    gain = precision(x, m + 1, Ties.HALVED) - precision(x, m, Ties.HALVED)
    assert gain == pytest.approx(x.mu * difference(x, m)[m] / 2, abs=1e-12)


@given(laws(), st.integers(0, 30))
def test_swapping_the_programs_swaps_the_law(x: Law, m: int) -> None:
    other = Law(x.down, x.up)
    assert difference(other, m) == pytest.approx(difference(x, m)[::-1], abs=1e-12)
    assert difference(x, m).sum() == pytest.approx(1)
    won, lost = (precision(one, m, Ties.HALVED) for one in (x, other))
    assert won + lost == pytest.approx(1)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("m", [0, 1, 2, 3, 14])
def test_slopes_are_what_small_changes_show(ties: Ties, m: int) -> None:
    x, step = Law(0.4, 0.2), 1e-6
    by_up, by_down = slopes(x, m, ties)
    more = [precision(Law(x.up + s * step, x.down), m, ties) for s in (1, -1)]
    worse = [precision(Law(x.up, x.down + s * step), m, ties) for s in (1, -1)]
    assert by_up == pytest.approx((more[0] - more[1]) / (2 * step), abs=1e-7)
    assert by_down == pytest.approx((worse[0] - worse[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("wanted", [0.5, 0.9, 0.99])
def test_the_tests_for_a_precision_are_the_first_to_reach_it(ties: Ties, wanted: float) -> None:
    x = law(0.6, 0.5, 0.2)
    m = tests_for(x, wanted, ties, CAP)
    assert m is not None
    assert precision(x, m, ties) >= wanted
    assert all(precision(x, k, ties) < wanted for k in range(1, m))


def test_the_tests_that_the_bound_asks_for() -> None:
    # 8 / 0.25 · ln 10 = 73.7
    assert tests_by_bound(0.5, 0.9) == 74
    assert tests_by_bound(1.0, 1 - math.exp(-1)) == 8  # met exactly
    assert tests_by_bound(0.0, 0.9) is None
    x = law(0.8, 0.5, 0.5)
    asked, enough = tests_by_bound(x.mu, 0.95), tests_for(x, 0.95, Ties.LOST, CAP)
    assert asked is not None
    assert enough is not None
    assert enough < asked


def test_where_no_number_of_tests_is_enough() -> None:
    assert tests_for(Law(0.3, 0.3), 0.6, Ties.LOST, CAP) is None
    assert tests_for(Law(0.2, 0.3), 0.1, Ties.LOST, CAP) is None
    x = Law(0.31, 0.3)
    m = tests_for(x, 0.6, Ties.LOST, CAP)
    assert m is not None
    assert tests_for(x, 0.6, Ties.LOST, m - 1) is None
    assert bound(-0.5, 100) == 0


def test_a_sum_over_1_by_rounding_is_forgiven() -> None:
    assert precision(Law(0.7, 0.3 + 1e-12), 3, Ties.LOST) == pytest.approx(0.784)
