"""Report of an evaluation: every metric of both roles, over tasks, with intervals.

`metrics.summarise` has the metrics that training shows. This module has those that are published:
pass@k, Best-of-(n, m) over a grid beside its baselines, and the quality of the tests.
docs/metrics.md has each formula.

An infrastructure failure is no label. A program whose ground truth is unknown is left out of its
task. A task with fewer than n remaining programs has no figure for n programs; a missing program
never counts as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sparring.matrix import Bools, PassMatrix
from sparring.metrics.drawn_evidence import solved_by_rules
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Influence, ratio
from sparring.metrics.metric_intervals import figure_of, mean_of
from sparring.metrics.metrics import (
    Summary,
    accuracy,
    accuracy_by_size,
    accuracy_estimate,
    catch_rate,
    distinct_inputs,
    each,
    input_size,
    pass_at_1,
    precision_rates,
)
from sparring.metrics.reading import counts, shares
from sparring.metrics.shortcuts import shortcut_means, shortcut_ratios
from sparring.metrics.verification import coverage, verification
from sparring.selection.best_of_n import best_of
from sparring.selection.consensus import weights
from sparring.selection.ranked import (
    dual_choice,
    pass_at_k,
    ranked_pass_at_k,
    subsets,
)
from sparring.selection.selectors import BY_ANSWERS, Selector

NAN = float("nan")


def measure(
    facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]], ks: Sequence[int]
) -> Summary:
    """Return all metrics: Best-of-(n, m) for each of ``scales``, pass@k for each of ``ks``.

    The names:

    - ``pass@1`` (choosing at random gives the same), ``pass@k``, ``dual_pass@k``;
    - ``NAME_NxM`` for each scale and every `Selector`;
    - ``unit_test_accuracy`` and ``unit_test_accuracy_estimate``, ``invalid_tests``, ``p01``,
      ``p00``, ``mu``, ``far``, ``frr``, ``catch_rate``;
    - the figures of `shortcuts`: readable, copied and trivial responses, and right ones among them;
    - ``suite_far_M``, ``suite_frr_M``, ``coverage@M`` for each m of the scales (`verification`);
    - ``mutation_score``, ``branch_coverage``, ``input_size``, ``distinct_inputs``;
    - ``coder.failed``, ``coder.failed.REASON``, ``coder.at_limit`` and the same of the tester
      (`reading`), where they are known.

    Raises ValueError if a scale or k is larger than the number of samples of a task.
    """
    _fits(facts, scales, ks)
    known, read = [observed(f) for f in facts], [f.reading for f in facts]
    per_task = {
        "pass@1": each(known, pass_at_1),
        "unit_test_accuracy": each(facts, accuracy),
        "unit_test_accuracy_estimate": each(facts, accuracy_estimate),
        "invalid_tests": each(facts, _invalid),
        **shortcut_means(facts),
    }
    for k in [k for k in ks if k > 1]:  # pass@1 is above
        values = [
            pass_at_k(int(f.matrix.correct_P.sum()), len(f.matrix.correct_P), k) for f in known
        ]
        per_task[f"pass@{k}"] = np.array(values, dtype=float)
    for n, m in scales:
        rows = [_at_scale(f, n, m) for f in known]
        for one in Selector:
            per_task[f"{one}_{n}x{m}"] = np.array([row[one] for row in rows], dtype=float)
    tests = any(f.matrix.passed_PU.shape[1] for f in known)
    for k in ks if tests else ():  # without a test no program is ranked
        per_task[f"dual_pass@{k}"] = np.array([_dual_at(f, k) for f in known], dtype=float)
    sizes = sorted({m for _, m in scales if m})
    for m in sizes:
        per_task[f"coverage@{m}"] = each(facts, partial(coverage, n=m))
    own = [f if f.pool else replace(f, pool=f.matrix) for f in facts]
    ratios = {
        "input_size": input_size(facts),
        "distinct_inputs": distinct_inputs(facts),
        "catch_rate": catch_rate(own),
        **precision_rates(facts),
        **verification(facts, sizes),
        "mutation_score": _hits([f.mutants for f in facts]),
        "branch_coverage": _hits([f.branches for f in facts]),
        **shares(read),
        **shortcut_ratios(facts),
    }
    estimates = {name: mean_of(name, v) for name, v in per_task.items()}
    estimates |= {name: figure_of(name, figure) for name, figure in ratios.items()}
    return Summary(estimates, per_task, ratios, accuracy_by_size(facts), counts(read))


def _invalid(facts: TaskFacts) -> float:
    return float(1 - facts.valid_U.mean()) if facts.valid_U.size else NAN


def observed(facts: TaskFacts) -> TaskFacts:
    """Return the facts without the programs whose ground truth is unknown."""
    matrix = facts.matrix
    keep = matrix.correct_P | matrix.wrong_P
    return facts if keep.all() else _only_programs(facts, keep)


def _at_scale(facts: TaskFacts, n: int, m: int) -> dict[Selector, float]:
    """Return for each selector the chance that its choice among n programs of a task is correct.

    The chance is NaN if the task has fewer than n programs.
    """
    chances = dict.fromkeys(Selector, NAN)
    matrix, correct = facts.matrix, facts.matrix.correct_P
    if n == 1 and len(correct):  # one program: no choice, and no subset to draw
        known = dict.fromkeys(BY_ANSWERS, facts.answers_PI is not None)
        known[Selector.AGREEMENT_BON] = facts.agreement_P is not None
        alike = [x for x in Selector if known.get(x, True)]
        return chances | dict.fromkeys(alike, float(correct.mean()))
    chances[Selector.ORACLE] = pass_at_k(int(correct.sum()), len(correct), n)
    if len(correct) >= n:
        chances[Selector.BON] = best_of(matrix, n, m, facts.parsed_U).value
        if facts.agreement_P is not None:
            chosen = best_of(matrix, n, m, facts.parsed_U, facts.agreement_P)
            chances[Selector.AGREEMENT_BON] = chosen.value
    voting, usable = _voting(facts)
    correct = voting.matrix.correct_P
    if len(correct) >= n:
        drawn = subsets(len(correct), len(usable), n, m)
        chances |= solved_by_rules(voting, usable, drawn)
        chances[Selector.DUAL] = dual_choice(voting.matrix.passed_PU, correct, drawn, usable).value
    return chances


def _dual_at(facts: TaskFacts, k: int) -> float:
    """Return pass@k of the ranking by dual agreement, over all programs and tests."""
    voting, usable = _voting(facts)
    correct = voting.matrix.correct_P
    if len(correct) < k:
        return NAN
    score = weights(voting.matrix.passed_PU[:, usable])
    return ranked_pass_at_k(score, correct, k)


def _voting(facts: TaskFacts) -> tuple[TaskFacts, Bools]:
    """Return the programs whose agreement is known, and the tests [U] that can be used.

    A test that no program was observed on is not used. Of the remaining tests, a program with a
    masked cell has no vote and cannot be chosen by votes.
    """
    seen = facts.matrix.observed_PU
    usable = facts.parsed_U & seen.any(axis=0) if len(seen) else facts.parsed_U
    keep = np.asarray((seen | ~usable).all(axis=1))
    return (facts if keep.all() else _only_programs(facts, keep)), usable


def _only_programs(facts: TaskFacts, keep_P: Bools) -> TaskFacts:
    matrix = facts.matrix
    return replace(
        facts,
        matrix=PassMatrix(
            matrix.passed_PT[keep_P], matrix.observed_PT[keep_P], matrix.ground_truth
        ),
        agreement_P=None if facts.agreement_P is None else facts.agreement_P[keep_P],
        answers_PI=None if facts.answers_PI is None else facts.answers_PI[keep_P],
        readable_P=None if facts.readable_P is None else facts.readable_P[keep_P],
    )


def _fits(facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]], ks: Sequence[int]) -> None:
    for f in facts:
        programs, tests = f.matrix.passed_PU.shape
        for n, m in scales:
            if not (1 <= n <= programs and 0 <= m <= tests):
                raise ValueError(
                    f"Best-of-({n}, {m}) of a task with {programs} programs and {tests} tests"
                )
        if any(not 1 <= k <= programs for k in ks):
            raise ValueError(f"pass@k for k in {list(ks)} of a task with {programs} programs")


def _hits(pairs: Sequence[tuple[float, float] | None]) -> Influence:
    """Return Σ hits / Σ total; a task with None is left out."""
    known = [(0.0, 0.0) if pair is None else pair for pair in pairs]
    return ratio(np.array([x[0] for x in known]), np.array([x[1] for x in known]))
