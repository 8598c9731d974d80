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

from sparring.scoring.intervals import Estimate, Linear, linear_interval, mean_interval, ratio
from sparring.scoring.matrix import Bools, Floats, PassMatrix
from sparring.scoring.rates import Group, Rate, RightBy, count, estimated_right, rates
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
    ``majority_test``: see `majority`; ``agreement_P`` and its like of the
    pool: see `selection.agreement`.
    """

    matrix: PassMatrix
    parsed_U: Bools
    valid_U: Bools
    right_U: Bools | None
    size_U: Floats
    pool: PassMatrix | None = None
    majority_program: float = float("nan")
    majority_test: float = float("nan")
    agreement_P: Floats | None = None
    pool_agreement_P: Floats | None = None


def one_shot(facts: TaskFacts) -> float:
    """Share of programs that pass every ground-truth test; NaN if none is known."""
    return pass_rate(facts.matrix)


def pass_rate(matrix: PassMatrix) -> float:
    """See `one_shot`."""
    known = matrix.correct_P | matrix.wrong_P
    return float(matrix.correct_P[known].mean()) if known.any() else float("nan")


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
    """Metrics over tasks: estimates by name, and what pairs two summaries of the same tasks:
    per-task values of the means, per-task influences of the ratios."""

    estimates: dict[str, Estimate]
    per_task: dict[str, Floats]
    ratios: dict[str, Linear]
    sizes: dict[int, tuple[float, float]]
    """Input size → (share of the parsed tests, their accuracy by reference)."""


def summarise(tasks: Sequence[TaskFacts], n: int, m: int) -> Summary:
    """Every metric over ``tasks``; Best-of-(n, m) of own programs and of the pool.

    p01, p00 and μ are by reference, as `rates` counts them.
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
        f"agreement_{label}": _each(
            tasks, lambda f: best_of(f.matrix, n, m, f.parsed_U, f.agreement_P).value
        ),
        f"agreement_pool_{label}": _each(
            tasks,
            lambda f: (
                best_of(f.pool, n, m, f.parsed_U, f.pool_agreement_P).value
                if f.pool
                else float("nan")
            ),
        ),
        "majority_program": _each(tasks, lambda f: f.majority_program),
        "majority_test": _each(tasks, lambda f: f.majority_test),
    }
    for name, values in per_task.items():
        estimates[name] = mean_interval(values)
    ratios = {"input_size": _input_size(tasks), "catch_rate": _catch_rate(tasks), **_theory(tasks)}
    estimates |= {name: linear_interval(figure) for name, figure in ratios.items()}
    return Summary(estimates, per_task, ratios, _by_size(tasks))


def _each(tasks: Sequence[TaskFacts], metric: object) -> Floats:
    assert callable(metric)
    return np.array([metric(f) for f in tasks], dtype=float)


def _accuracy(facts: TaskFacts) -> float:
    return float("nan") if facts.right_U is None else float(facts.right_U.mean())


def _estimate(facts: TaskFacts) -> float:
    right = estimated_right(facts.matrix, facts.parsed_U)
    return float("nan") if right is None else float(right.mean())


def _input_size(tasks: Sequence[TaskFacts]) -> Linear:
    sizes = [f.size_U[f.parsed_U] for f in tasks]
    return ratio(np.array([x.sum() for x in sizes]), np.array([float(len(x)) for x in sizes]))


def _catch_rate(tasks: Sequence[TaskFacts]) -> Linear:
    pairs = [
        caught(f.pool, f.right_U) if f.pool and f.right_U is not None else (0.0, 0.0) for f in tasks
    ]
    return ratio(np.array([x[0] for x in pairs]), np.array([x[1] for x in pairs]))


def _theory(tasks: Sequence[TaskFacts]) -> dict[str, Linear]:
    """p01, p00 and μ; a task without a reference says nothing."""
    counts = np.zeros((len(tasks), len(Rate), 2))
    for i, f in enumerate(tasks):
        if f.right_U is not None:
            group = Group(str(i), f.matrix, f.parsed_U, f.right_U)
            counts[i] = count(group, RightBy.REFERENCE)
    found = rates(counts)
    return {"p01": found.of[Rate.P01], "p00": found.of[Rate.P00], "mu": found.mu()}


def _by_size(tasks: Sequence[TaskFacts]) -> dict[int, tuple[float, float]]:
    known = [(f, f.right_U) for f in tasks if f.right_U is not None]
    if not known:
        return {}
    size = np.concatenate([f.size_U[f.parsed_U] for f, _ in known])
    right = np.concatenate([right[f.parsed_U] for f, right in known])
    return {
        int(s): (float((size == s).mean()), float(right[size == s].mean())) for s in np.unique(size)
    }
