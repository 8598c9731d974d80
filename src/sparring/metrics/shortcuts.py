"""Figures that show if a model found an easy way of being right.

The share of right tests rises for four reasons: the tester keeps to the form, it copies the
statement's examples, its inputs are trivial, or it understands the tasks better. The figures here
tell these reasons apart. docs/metrics.md has each formula and denominator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Influence, ratio


def shortcut_means(tasks: Sequence[TaskFacts]) -> dict[str, Floats]:
    """Return the figures that are means over tasks, by name, as one value per task [tasks]:

    - ``programs_readable``, ``tests_readable``: shares of the responses;
    - ``tests_right_own``, ``tests_right_not_trivial``, ``tests_right_own_not_trivial``: shares of
      all tests, unread ones included, that are right by reference and not copied, not trivial, or
      neither;
    - ``caught_by_right_test``: see `caught_by_right_test`.

    A task without the facts for a figure is NaN.
    """
    return {
        "programs_readable": _each(tasks, lambda f: _share(f.readable_P)),
        "tests_readable": _each(tasks, lambda f: _share(f.parsed_U)),
        "tests_right_own": _each(tasks, lambda f: _right_without(f, f.copied_U)),
        "tests_right_not_trivial": _each(tasks, lambda f: _right_without(f, f.trivial_U)),
        "tests_right_own_not_trivial": _each(
            tasks, lambda f: _right_without(f, f.copied_U, f.trivial_U)
        ),
        "caught_by_right_test": _each(tasks, caught_by_right_test),
    }


def shortcut_ratios(tasks: Sequence[TaskFacts]) -> dict[str, Influence]:
    """Return the figures among the readable responses, as ratios of sums over tasks:

    - ``programs_right_of_readable``: among the readable programs that are known to be correct or
      wrong;
    - ``tests_right_of_readable``: right by reference, in tasks with a reference;
    - ``tests_copied``, ``tests_trivial``: copied tests, and tests with trivial inputs.
    """
    return {
        "programs_right_of_readable": _ratio(tasks, _right_programs),
        "tests_right_of_readable": _ratio(tasks, lambda f: _among_readable(f, f.right_U)),
        "tests_copied": _ratio(tasks, lambda f: _among_readable(f, f.copied_U)),
        "tests_trivial": _ratio(tasks, lambda f: _among_readable(f, f.trivial_U)),
    }


def readable_correct(facts: TaskFacts) -> Bools:
    """Return, for each readable program that is known to be correct or wrong, if it is correct. No
    program where the readings are unknown."""
    correct, wrong = facts.matrix.correct_P, facts.matrix.wrong_P
    readable = np.zeros(len(correct), dtype=bool) if facts.readable_P is None else facts.readable_P
    return np.asarray(correct[readable & (correct | wrong)])


def caught_by_right_test(facts: TaskFacts) -> float:
    """Return the mean, over the right tests of a task, of the share of its wrong programs that the
    test rejects.

    The wrong programs are those of the pool or, without a pool, of the task itself. NaN without a
    reference, a right test or a wrong program. A masked cell is left out of its test's share; a
    right test without an observed wrong program is left out.
    """
    if facts.right_U is None:
        return math.nan
    pool = facts.pool or facts.matrix
    observed = pool.observed_PU[pool.wrong_P][:, facts.right_U]
    caught = (observed & ~pool.passed_PU[pool.wrong_P][:, facts.right_U]).sum(axis=0)
    seen = observed.sum(axis=0)
    return float((caught[seen > 0] / seen[seen > 0]).mean()) if seen.any() else math.nan


def _each(tasks: Sequence[TaskFacts], figure: Callable[[TaskFacts], float]) -> Floats:
    return np.array([figure(f) for f in tasks], dtype=float)


def _share(flags: Bools | None) -> float:
    return math.nan if flags is None or not flags.size else float(flags.mean())


def _right_without(facts: TaskFacts, *excluded: Bools | None) -> float:
    """Return the share of all tests that are right and in none of the sets [U]; NaN if one of them
    is unknown."""
    known = [flags for flags in excluded if flags is not None]
    if facts.right_U is None or len(known) < len(excluded):
        return math.nan
    return _share(facts.right_U & ~np.any(known, axis=0))


def _ratio(
    tasks: Sequence[TaskFacts], pair: Callable[[TaskFacts], tuple[float, float]]
) -> Influence:
    """Return Σ part / Σ total over tasks."""
    return ratio(*np.array([pair(f) for f in tasks], dtype=float).reshape(-1, 2).T)


def _right_programs(facts: TaskFacts) -> tuple[float, float]:
    correct = readable_correct(facts)
    return float(correct.sum()), float(len(correct))


def _among_readable(facts: TaskFacts, flags: Bools | None) -> tuple[float, float]:
    """Return (marked, all) readable tests of a task; (0, 0) if the marks are unknown."""
    if flags is None:
        return 0.0, 0.0
    return float((flags & facts.parsed_U).sum()), float(facts.parsed_U.sum())
