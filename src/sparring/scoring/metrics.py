"""What is measured on one task, and how tasks are put together.

Facts known only by reference (is a generated test right?) come from the
task's reference solution and validator; the paper's estimate needs neither:
it calls a test right when every correct program of the group passes it, and
is only defined on tasks with a correct program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.scoring.intervals import Estimate, mean_interval, ratio_interval
from sparring.scoring.matrix import Bools, Floats, PassMatrix
from sparring.scoring.selection import best_of


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Everything about one task that metrics are computed from.

    ``parsed_U``: a test could be read. ``right_U``: by reference, input valid
    and output right. ``valid_U``: parsed and the statement allows the input.
    ``size_U``: number of values in the input (NaN if not parsed).
    ``right_U`` is None for a task without reference solution.
    ``matrix`` holds the evaluated programs, ``pool`` (if any) a fixed set of
    other programs on the same tests. ``majority_program`` and
    ``majority_test``: see `majority`.
    """

    matrix: PassMatrix
    parsed_U: Bools
    valid_U: Bools
    right_U: Bools | None
    size_U: Floats
    pool: PassMatrix | None = None
    majority_program: float = float("nan")
    majority_test: float = float("nan")


def one_shot(facts: TaskFacts) -> float:
    """Share of programs that pass every ground-truth test; NaN if none is known."""
    known = facts.matrix.correct_P | facts.matrix.wrong_P
    return float(facts.matrix.correct_P[known].mean()) if known.any() else float("nan")


def estimated_right(matrix: PassMatrix, parsed_U: Bools) -> Bools | None:
    """By the paper's rule: passed by every correct program. None without a correct program."""
    correct = matrix.correct_P
    if not correct.any():
        return None
    observed = matrix.observed_PU
    return np.asarray((matrix.passed_PU | ~observed)[correct].all(axis=0) & parsed_U)


def acceptance(matrix: PassMatrix, right_U: Bools, parsed_U: Bools) -> tuple[Floats, Floats]:
    """How wrong programs fare: (passes, runs) on right tests, (passes, runs) on wrong tests.

    p01 is passes / runs of the first pair, p00 of the second; unparsed tests
    are no tests here.
    """
    wrong = matrix.wrong_P
    observed = matrix.observed_PU[wrong]
    passed = matrix.passed_PU[wrong] & observed
    right, mistaken = right_U & parsed_U, ~right_U & parsed_U
    on_right = np.array([passed[:, right].sum(), observed[:, right].sum()], dtype=float)
    on_wrong = np.array([passed[:, mistaken].sum(), observed[:, mistaken].sum()], dtype=float)
    return on_right, on_wrong


def caught(pool: PassMatrix, right_U: Bools) -> tuple[float, float]:
    """(pairs caught, pairs) over wrong programs of a pool and all generated tests: a pair is
    caught when the test is right and the program fails it."""
    wrong = pool.wrong_P
    observed = pool.observed_PU[wrong]
    hit = ~pool.passed_PU[wrong] & observed & right_U
    return float(hit.sum()), float(observed.sum())


def majority(answers: Sequence[Hashable], right: Sequence[bool]) -> float:
    """Accuracy of the most common answer; equally common ones are chosen at random."""
    if not answers:
        return float("nan")
    counts = Counter(answers)
    most = max(counts.values())
    top = {a for a, c in counts.items() if c == most}
    return float(
        np.mean([next(r for x, r in zip(answers, right, strict=True) if x == a) for a in top])
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Metrics over tasks: estimates by name, and the per-task values that can be paired."""

    estimates: dict[str, Estimate]
    per_task: dict[str, Floats]
    sizes: dict[int, tuple[float, float]]
    """Input size → (share of the parsed tests, their accuracy by reference)."""


def summarise(tasks: Sequence[TaskFacts], n: int, m: int) -> Summary:
    """Every metric over ``tasks``; Best-of-(n, m) of own programs and of the pool.

    p01, p00 and μ are by reference: p01 and p00 as ratios over all wrong
    (program, test) pairs, μ = p_u (1 − p01) − (1 − p_u) p00 with
    p_u the share of right tests among parsed ones.
    """
    estimates: dict[str, Estimate] = {}
    label = f"bon_{n}x{m}"
    per_task = {
        "one_shot": _each(tasks, one_shot),
        "unit_test_accuracy": _each(tasks, _accuracy),
        "unit_test_accuracy_estimate": _each(tasks, _estimate),
        "invalid_tests": _each(tasks, lambda f: float(1 - f.valid_U.mean())),
        label: _each(tasks, lambda f: best_of(f.matrix, n, m, f.parsed_U).value),
        f"pool_{label}": _each(
            tasks, lambda f: best_of(f.pool, n, m, f.parsed_U).value if f.pool else float("nan")
        ),
        "majority_program": _each(tasks, lambda f: f.majority_program),
        "majority_test": _each(tasks, lambda f: f.majority_test),
    }
    for name, values in per_task.items():
        estimates[name] = mean_interval(values)
    sizes = [f.size_U[f.parsed_U] for f in tasks]
    estimates["input_size"] = ratio_interval(
        np.array([s.sum() for s in sizes]), np.array([float(len(s)) for s in sizes])
    )
    pairs = np.array(
        [
            caught(f.pool, f.right_U) if f.pool and f.right_U is not None else (0.0, 0.0)
            for f in tasks
        ]
    )
    estimates["catch_rate"] = ratio_interval(pairs[:, 0], pairs[:, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        per_task["catch_rate"] = np.where(pairs[:, 1] > 0, pairs[:, 0] / pairs[:, 1], np.nan)
    estimates |= _theory(tasks)
    return Summary(estimates, per_task, _by_size(tasks))


def _each(tasks: Sequence[TaskFacts], metric: object) -> Floats:
    assert callable(metric)
    return np.array([metric(f) for f in tasks], dtype=float)


def _accuracy(facts: TaskFacts) -> float:
    return float("nan") if facts.right_U is None else float(facts.right_U.mean())


def _estimate(facts: TaskFacts) -> float:
    right = estimated_right(facts.matrix, facts.parsed_U)
    return float("nan") if right is None else float(right.mean())


def _theory(tasks: Sequence[TaskFacts]) -> dict[str, Estimate]:
    """p01, p00 and μ over the tasks with a reference; μ's interval by linearisation of all three
    ratios together."""
    known = [(f, f.right_U) for f in tasks if f.right_U is not None]
    both = [acceptance(f.matrix, right, f.parsed_U) for f, right in known]
    a = np.array([x[0] for x in both]).reshape(-1, 2)
    b = np.array([x[1] for x in both]).reshape(-1, 2)
    u = np.array([[right.sum(), f.parsed_U.sum()] for f, right in known], dtype=float)
    u = u.reshape(-1, 2)
    p01, p00 = ratio_interval(a[:, 0], a[:, 1]), ratio_interval(b[:, 0], b[:, 1])
    pu = ratio_interval(u[:, 0], u[:, 1])
    mu = pu.mean * (1 - p01.mean) - (1 - pu.mean) * p00.mean
    if np.isnan(mu):
        return {"p01": p01, "p00": p00, "mu": Estimate(np.nan, np.nan, np.nan, len(known))}
    influence = (
        (1 - p01.mean + p00.mean) * (u[:, 0] - pu.mean * u[:, 1]) / u[:, 1].sum()
        - pu.mean * (a[:, 0] - p01.mean * a[:, 1]) / a[:, 1].sum()
        - (1 - pu.mean) * (b[:, 0] - p00.mean * b[:, 1]) / b[:, 1].sum()
    )
    n = len(known)
    half = 1.980 * float(np.sqrt((influence**2).sum() * n / max(n - 1, 1)))
    return {"p01": p01, "p00": p00, "mu": Estimate(mu, mu - half, mu + half, n)}


def _by_size(tasks: Sequence[TaskFacts]) -> dict[int, tuple[float, float]]:
    known = [(f, f.right_U) for f in tasks if f.right_U is not None]
    if not known:
        return {}
    size = np.concatenate([f.size_U[f.parsed_U] for f, _ in known])
    right = np.concatenate([right[f.parsed_U] for f, right in known])
    return {
        int(s): (float((size == s).mean()), float(right[size == s].mean())) for s in np.unique(size)
    }
