"""Metrics of one task, and their summary over tasks.

Facts by reference, such as the rightness of a generated test, come from the task's reference
solution and validator. The paper's estimate needs neither: it calls a test right if every correct
program of the group passes the test, and is defined only for tasks with a correct program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Estimate, Influence, ratio
from sparring.metrics.metric_intervals import figure_of, mean_of
from sparring.metrics.rates import Rate, RightBy, count, estimated_right, rates
from sparring.metrics.shortcuts import shortcut_means, shortcut_ratios
from sparring.metrics.verification import coverage
from sparring.selection.best_of_n import best_of


def pass_at_1(facts: TaskFacts) -> float:
    """Return the share of programs that pass every ground-truth test; NaN if no program is known
    to be correct or wrong."""
    return pass_rate(facts.matrix)


def pass_rate(matrix: PassMatrix) -> float:
    """Return the share of correct programs of a matrix; see `pass_at_1`."""
    known = matrix.correct_P | matrix.wrong_P
    return float(matrix.correct_P[known].mean()) if known.any() else float("nan")


def caught_pairs(pool: PassMatrix, right_U: Bools) -> tuple[float, float]:
    """Return (number of caught pairs, number of all pairs).

    A pair is a wrong program of a pool and a generated test. It is caught if the test is right and
    the program fails it.
    """
    wrong = pool.wrong_P
    observed = pool.observed_PU[wrong]
    hit = ~pool.passed_PU[wrong] & observed & right_U
    return float(hit.sum()), float(observed.sum())


def majority(answers: Sequence[Hashable], right: Sequence[bool]) -> float:
    """Return the expected accuracy of the most common answer, with ties decided at random."""
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
    """Metrics over tasks: estimates by name, and the values by task that pair two summaries.

    The values by task are a mean's values or a ratio's influences.
    """

    estimates: dict[str, Estimate]
    per_task: dict[str, Floats]
    ratios: dict[str, Influence]
    sizes: dict[int, tuple[float, float]]
    """Input size → (share of the parsed tests, their accuracy by reference)."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of all responses, and of responses that could not be read (`reading`). Only
    `benchmark.measure` counts them."""


def summarise(tasks: Sequence[TaskFacts], n: int, m: int) -> Summary:
    """Return every metric over ``tasks``, with Best-of-(n, m) of the own programs and of the pool,
    and the coverage of m tests.

    p01, p00 and μ are by reference, as `rates` counts them. Each interval is that of an evaluation
    (`metric_intervals`).
    """
    label = f"bon_{n}x{m}"
    per_task = {
        "pass@1": each(tasks, pass_at_1),
        "unit_test_accuracy": each(tasks, accuracy),
        "unit_test_accuracy_estimate": each(tasks, accuracy_estimate),
        "invalid_tests": each(tasks, lambda f: float(1 - f.valid_U.mean())),
        label: each(tasks, lambda f: best_of(f.matrix, n, m, f.parsed_U).value),
        f"pool_{label}": each(
            tasks, lambda f: best_of(f.pool, n, m, f.parsed_U).value if f.pool else float("nan")
        ),
        f"agreement_{label}": each(
            tasks, lambda f: best_of(f.matrix, n, m, f.parsed_U, f.agreement_P).value
        ),
        f"agreement_pool_{label}": each(
            tasks,
            lambda f: (
                best_of(f.pool, n, m, f.parsed_U, f.pool_agreement_P).value
                if f.pool
                else float("nan")
            ),
        ),
        "majority_program": each(tasks, lambda f: f.majority_program),
        "majority_test": each(tasks, lambda f: f.majority_test),
        **shortcut_means(tasks),
        f"coverage@{m}": each(tasks, partial(coverage, n=m)),
    }
    ratios = {
        "input_size": input_size(tasks),
        "distinct_inputs": distinct_inputs(tasks),
        "catch_rate": catch_rate(tasks),
        **precision_rates(tasks),
        **shortcut_ratios(tasks),
    }
    estimates = {name: mean_of(name, values) for name, values in per_task.items()}
    estimates |= {name: figure_of(name, figure) for name, figure in ratios.items()}
    return Summary(estimates, per_task, ratios, accuracy_by_size(tasks))


def each(tasks: Sequence[TaskFacts], metric: Callable[[TaskFacts], float]) -> Floats:
    """Return a metric of every task [tasks]."""
    return np.array([metric(f) for f in tasks], dtype=float)


def accuracy(facts: TaskFacts) -> float:
    """Return the share of the generated tests that are right by reference; an unread test is not
    right."""
    right = facts.right_U
    return float("nan") if right is None or right.size == 0 else float(right.mean())


def accuracy_estimate(facts: TaskFacts) -> float:
    """Return the share of the generated tests that are right by the paper's estimate; NaN without a
    correct program. A test that no correct program was observed on is left out."""
    right = estimated_right(facts.matrix, facts.parsed_U)
    if right is None:
        return float("nan")
    decided = ~facts.parsed_U | facts.matrix.observed_PU[facts.matrix.correct_P].any(axis=0)
    return float(right[decided].mean()) if decided.any() else float("nan")


def input_size(tasks: Sequence[TaskFacts]) -> Influence:
    """Return the mean number of values in the input of a parsed test."""
    sizes = [f.size_U[f.parsed_U & ~np.isnan(f.size_U)] for f in tasks]  # NaN: a script
    return ratio(np.array([x.sum() for x in sizes]), np.array([float(len(x)) for x in sizes]))


def distinct_inputs(tasks: Sequence[TaskFacts]) -> Influence:
    """Return the number of distinct inputs, as a share of the tests that could be read."""
    pairs = [
        (f.first_U.sum(), f.parsed_U.sum()) if f.first_U is not None else (0, 0) for f in tasks
    ]
    return ratio(*np.array(pairs, dtype=float).reshape(-1, 2).T)


def catch_rate(tasks: Sequence[TaskFacts]) -> Influence:
    """Return the share of pairs that are caught; see `caught_pairs`."""
    pairs = [
        caught_pairs(f.pool, f.right_U) if f.pool and f.right_U is not None else (0.0, 0.0)
        for f in tasks
    ]
    return ratio(np.array([x[0] for x in pairs]), np.array([x[1] for x in pairs]))


def precision_rates(tasks: Sequence[TaskFacts]) -> dict[str, Influence]:
    """Return p01, p00 and μ. A task without a reference is left out."""
    counts = np.zeros((len(tasks), len(Rate), 2))
    for i, f in enumerate(tasks):
        if f.right_U is not None:
            counts[i] = count(f, RightBy.REFERENCE)
    by_rate = rates(counts)
    return {"p01": by_rate.of[Rate.P01], "p00": by_rate.of[Rate.P00], "mu": by_rate.mu()}


def accuracy_by_size(tasks: Sequence[TaskFacts]) -> dict[int, tuple[float, float]]:
    """Return the share and the accuracy of tests by input size; see `Summary.sizes`."""
    known = [(f, f.right_U) for f in tasks if f.right_U is not None]
    if not known:
        return {}
    size = np.concatenate([f.size_U[f.parsed_U] for f, _ in known])
    right = np.concatenate([right[f.parsed_U] for f, right in known])
    right, size = right[~np.isnan(size)], size[~np.isnan(size)]
    return {
        int(s): (float((size == s).mean()), float(right[size == s].mean())) for s in np.unique(size)
    }
