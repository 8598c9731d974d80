"""B4, ACES and MPSC against slow computations from their definitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import factorial, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.selection import aces, b4, mpsc
from sparring.selection.evidence import Evidence
from sparring.selection.n_partite import ALPHA_DENSE, ALPHA_SPARSE, class_sizes, n_partite_scores
from tests.selection.evidence_of import drawn, evidence


def beta(x: int, y: int) -> Fraction:
    return Fraction(factorial(x - 1) * factorial(y - 1), factorial(x + y - 1))


def b4_exactly(one: Evidence, a: int, b: int) -> list[float]:
    """Return the logarithm of each pattern's likelihood as an exact fraction, cell by cell."""
    n, m = one.passed_PU.shape
    used = [u for u in range(m) if one.observed_PU[:, u].any()]
    row = [tuple(one.passed_PU[p, u] for u in used) for p in range(n)]
    seen = [tuple(one.observed_PU[p, u] for u in used) for p in range(n)]
    values = []
    for p in range(n):
        pattern = [q for q in range(n) if q == p or (row[q] == row[p] and all(seen[q] + seen[p]))]
        right = [u for u in range(len(used)) if seen[p][u] and row[p][u]]
        wrong = [u for u in range(len(used)) if seen[p][u] and not row[p][u]]
        cells: dict[str, list[bool]] = {"right": [], "wrong": []}
        for q in set(range(n)) - set(pattern):
            cells["right"] += [row[q][u] for u in right if seen[q][u]]
            cells["wrong"] += [row[q][u] for u in wrong if seen[q][u]]
        on_right, on_wrong = cells["right"], cells["wrong"]
        likelihood = (
            beta(len(right) + a, len(wrong) + 1)
            * beta(len(pattern) + a, n - len(pattern) + 1)
            * beta(sum(on_right) + 1, on_right.count(False) + 1)
            * beta(sum(on_wrong) + 1, on_wrong.count(False) + b)
        )
        values.append(log(likelihood.numerator) - log(likelihood.denominator))
    return values


@given(drawn(), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_b4_is_the_logarithm_of_exact_fractions(one: Evidence, a: int, b: int) -> None:
    assert b4.scores(one, a=a, b=b) == pytest.approx(b4_exactly(one, a, b), abs=1e-9)


def test_b4_by_default_expects_three_wrong_tests_failed_for_each_cell() -> None:
    one = evidence(["110?", "110?", "011?"])
    assert b4.scores(one) == pytest.approx(b4_exactly(one, 10, 27), abs=1e-9)


def test_a_term_of_b4_is_the_integral_over_the_unknown_rate() -> None:
    """One program, three tests of which it passes two: the rate of right tests is integrated over
    its prior t^(a − 1), that of right programs likewise; no other program adds 1 and 1 / b."""
    a, b, t = 3.0, 5.0, (np.arange(100_000) + 0.5) / 100_000
    right_tests = np.mean(t**2 * (1 - t) * t ** (a - 1))
    right_programs = np.mean(t * t ** (a - 1))
    expected = np.log(right_tests) + np.log(right_programs) + np.log(1 / b)
    assert b4.scores(evidence(["110"]), a=a, b=b) == pytest.approx([expected], abs=1e-8)


def test_b4_prefers_a_right_pattern_that_fewer_programs_pass_more_tests_against() -> None:
    """Five wrong programs pass one wrong test each; two agree on three tests of six."""
    rows = ["111000", "111000", "100100", "100010", "100001", "000110", "000011"]
    assert b4.scores(evidence(rows)).argmax() == 0


def aces_by_pairs(one: Evidence) -> tuple[list[float], list[float]]:
    """Return (weights of tests, scores of programs) from the AUC of each test, pair by pair."""
    passed, seen = one.passed_PU, one.observed_PU
    n, m = passed.shape

    def share_of_others(p: int, u: int) -> Fraction | None:
        """Return the share of the other tests that a program passes; None if none was observed."""
        others = [v for v in range(m) if v != u and seen[p, v]]
        return Fraction(int(sum(passed[p, v] for v in others)), len(others)) if others else None

    weights, rate = [], []
    for u in range(m):
        passing = [p for p in range(n) if seen[p, u] and passed[p, u]]
        failing = [p for p in range(n) if seen[p, u] and not passed[p, u]]
        count = len(passing) + len(failing)
        p_u = Fraction(len(passing), max(count, 1))
        rate.append(p_u)
        if not passing or not failing:
            weights.append(Fraction(0))
            continue
        wins = Fraction(0)
        for p, q in product(passing, failing):
            x, y = share_of_others(p, u), share_of_others(q, u)
            if x is None or y is None or x == y:  # a program without a rank is above nobody
                wins += Fraction(1, 2)
            else:
                wins += int(x > y)
        auc = wins / (len(passing) * len(failing))
        weights.append(p_u * (1 - p_u) * (auc - Fraction(1, 2)))
    scores = [
        sum(
            (w * (int(passed[p, u]) if seen[p, u] else rate[u]) for u, w in enumerate(weights)),
            Fraction(0),
        )
        for p in range(n)
    ]
    return [float(w) for w in weights], [float(s) for s in scores]


@given(drawn())
@settings(max_examples=80, deadline=None)
def test_aces_is_what_the_auc_of_every_test_gives(one: Evidence) -> None:
    weights, scores = aces_by_pairs(one)
    assert aces.weights(one) == pytest.approx(weights, abs=1e-12)
    assert aces.scores(one) == pytest.approx(scores, abs=2e-9)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=4),
    st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_the_weight_is_proportional_to_what_a_test_is_worth(
    quarters: list[tuple[int, int]], right_quarters: int
) -> None:
    """The identity that the docstring derives, with infinitely many programs: every pattern of
    independent tests by its exact probability. ``quarters``: how often right and wrong programs
    pass each test."""
    right = Fraction(right_quarters, 4)
    rates = [(Fraction(a, 4), Fraction(b, 4)) for a, b in quarters]

    def likelihood(pattern: tuple[int, ...], who: int) -> Fraction:
        value = Fraction(1)
        for x, rate in zip(pattern, rates, strict=True):
            value *= rate[who] if x else 1 - rate[who]
        return value

    patterns = list(product((0, 1), repeat=len(rates)))
    of = {x: (right * likelihood(x, 0), (1 - right) * likelihood(x, 1)) for x in patterns}

    def order(x: tuple[int, ...], y: tuple[int, ...], u: int) -> Fraction:
        """Return 1, ½ or 0 as x passes more, as many or fewer tests than y, without test u."""
        difference = sum(x) - x[u] - sum(y) + y[u]
        return Fraction(1, 2) if difference == 0 else Fraction(int(difference > 0))

    for u, (of_right, of_wrong) in enumerate(rates):
        p = sum(sum(of[x]) for x in patterns if x[u])
        if not 0 < p < 1:
            continue
        auc = sum(
            sum(of[x]) * sum(of[y]) * order(x, y, u)
            for x, y in product(patterns, patterns)
            if x[u] and not y[u]
        ) / (p * (1 - p))
        others = sum(
            likelihood(x, 0) * likelihood(y, 1) * order(x, y, u)
            for x, y in product(patterns, patterns)
        )
        constant = (others - Fraction(1, 2)) * right * (1 - right)
        assert p * (1 - p) * (auc - Fraction(1, 2)) == constant * (of_right - of_wrong)


def spread_by_steps(one: Evidence) -> np.ndarray:
    """Return MPSC's scores of programs as its released code finds them: step after step."""
    used = one.observed_PU.any(axis=0)
    passes = one.passed_PU[:, used].astype(float)
    n, m = passes.shape
    graph = np.block([[np.zeros((n, n)), passes], [passes.T, np.zeros((m, m))]])
    start = []
    for rows, others in ((passes, m), (passes.T, n)):
        value = np.array(
            [
                sum((r == row).all() for r in rows) * (row.sum() / others if others else 0)
                for row in rows
            ]
        )
        start.append(value / value.sum() if value.sum() else value)
    s0 = np.concatenate(start)
    degree = graph.sum(axis=1)
    alpha = ALPHA_DENSE if n * m and graph.sum() / 2 / (n * m) >= 0.16 else ALPHA_SPARSE
    score = s0
    for _ in range(5_000):
        moved = np.zeros(n + m)
        for i, j in product(range(n + m), repeat=2):
            if graph[i, j]:
                moved[i] += graph[i, j] * score[j] / np.sqrt(degree[i] * degree[j])
        score, before = alpha * moved + (1 - alpha) * s0, score
        if np.linalg.norm(score - before) < 1e-12:
            break
    return np.asarray(np.where(degree > 0, score, 0)[:n])


@given(drawn(masks=False))
@settings(max_examples=12, deadline=None)
def test_mpsc_is_where_its_steps_lead(one: Evidence) -> None:
    np.testing.assert_allclose(mpsc.scores(one), spread_by_steps(one), rtol=0, atol=1e-8)


def test_mpsc_by_hand() -> None:
    """Two programs pass the one test: α = .95, both have the degree 1, the test the degree 2. With
    x for a program and y for the test, x = α y / √2 + (1 − α) / 2 and y = 2 α x / √2 + 1 − α."""
    a = ALPHA_DENSE
    x = ((1 - a) / 2 + a * (1 - a) / np.sqrt(2)) / (1 - a * a)
    assert mpsc.scores(evidence(["1", "1", "0"])) == pytest.approx([x, x, 0], abs=1e-8)


def test_mpsc_with_few_edges_keeps_the_order_of_the_product() -> None:
    """Four of 56 possible edges, mean .07: the pair with one test against the program with two."""
    rows = ["10000000", "10000000", "01100000", *["00000000"] * 4]
    score = mpsc.scores(evidence(rows))
    assert score[0] == score[1] == pytest.approx(0.99 * 2 * 1 / 6, rel=0.02)
    assert score[2] == pytest.approx(0.99 * 1 * 2 / 6, rel=0.02)


def test_specifications_are_a_third_part() -> None:
    """Two programs pass as many tests; a specification agrees with the second and with its test."""
    even = evidence(["10", "01"])
    assert mpsc.scores(even)[0] == mpsc.scores(even)[1]
    edges = mpsc.SpecificationEdges(
        programs_PS=np.array([[0.0], [1.0]]), tests_US=np.array([[0.0], [1.0]])
    )
    first, second = mpsc.scores(even, edges)
    assert second > first


@given(drawn(masks=False), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_vertices_of_a_class_are_equal_in_every_edge(one: Evidence, s: int, seed: int) -> None:
    """Programs, tests and specifications alike have equal edges to both other parts."""
    rng, steps = np.random.default_rng(seed), (0, 0.5, 1)
    n, m = one.passed_PU.shape
    edges = mpsc.SpecificationEdges(rng.choice(steps, (n, s)), rng.choice(steps, (m, s)))
    passes = one.cells_PU
    rows = [
        [(*passes[p], *edges.programs_PS[p]) for p in range(n)],
        [(*passes[:, u], *edges.tests_US[u]) for u in range(m)],
        [(*edges.programs_PS[:, k], *edges.tests_US[:, k]) for k in range(s)],
    ]
    classes = [np.array([float(part.count(row)) for row in part]) for part in rows]
    weights = {(0, 1): passes, (0, 2): edges.programs_PS, (1, 2): edges.tests_US}
    present = [np.ones(size, bool) for size in (n, m, s)]
    expected = n_partite_scores(weights, classes, present)[0]
    np.testing.assert_allclose(mpsc.scores(one, edges), expected, rtol=0, atol=1e-8)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_three_parts_solve_their_equation(n: int, m: int, s: int, seed: int) -> None:
    """s = α T s + (1 − α) s0, put together here vertex by vertex."""
    rng = np.random.default_rng(seed)
    sizes, steps = (n, m, s), (0, 0.5, 1)
    edges = {
        (i, j): rng.choice(steps, (sizes[i], sizes[j])) for i in range(3) for j in range(i + 1, 3)
    }
    graph = np.zeros((sum(sizes), sum(sizes)))
    first = [0, n, n + m, n + m + s]
    for (i, j), weight in edges.items():
        graph[first[i] : first[i + 1], first[j] : first[j + 1]] = weight
    graph += graph.T
    rows = [graph[first[i] : first[i + 1]] for i in range(3)]
    classes = [class_sizes(r) for r in rows]
    present = [np.ones(size, bool) for size in sizes]
    score = np.concatenate(n_partite_scores(edges, classes, present))
    start = []
    for i in range(3):
        value = classes[i].copy()
        for j in range(3):
            if j != i:
                value *= rows[i][:, first[j] : first[j + 1]].mean(axis=1)
        start.append(value / (value.sum() or 1))
    degree = graph.sum(axis=1)
    dense = graph.sum() / 2 / (n * m + n * s + m * s) >= 0.16
    alpha = ALPHA_DENSE if dense else ALPHA_SPARSE
    norm = np.sqrt(np.outer(degree, degree))
    step = np.divide(graph, norm, out=np.zeros_like(graph), where=norm > 0)
    full = np.where(degree > 0, score, 0)
    expected = np.where(degree > 0, alpha * step @ full + (1 - alpha) * np.concatenate(start), 0)
    np.testing.assert_allclose(score, expected, rtol=0, atol=1e-8)
