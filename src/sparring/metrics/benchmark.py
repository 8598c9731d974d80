"""What an evaluation reports: every metric of both roles, over tasks, with intervals.

`metrics.summarise` is what training looks at; this is what is published:
pass@k, Best-of-(n, m) over a grid with what it is to be compared with, and
how good the tests are. docs/metrics.md has each formula.

What a failure of our own hid is no label. A program whose ground truth is not
known is left out of its task, and where fewer than n remain the task says
nothing about n of them: a missing figure, never a wrong program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sparring.matrix import Bools, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Linear, ratio
from sparring.metrics.metrics import (
    Summary,
    accuracy,
    accuracy_by_size,
    accuracy_estimate,
    catch_rate,
    distinct_inputs,
    each,
    input_size,
    one_shot,
    precision_rates,
)
from sparring.metrics.named import figure_of, mean_of
from sparring.metrics.reading import counts, shares
from sparring.metrics.verification import coverage, verification
from sparring.selection.best_of_n import best_of
from sparring.selection.consensus import weights
from sparring.selection.ranked import (
    dual_choice,
    majority_choice,
    pass_at_k,
    ranked_pass_at_k,
    subsets,
)
from sparring.selection.selectors import Selector

NAN = float("nan")


def measure(
    facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]], ks: Sequence[int]
) -> Summary:
    """All metrics; Best-of-(n, m) for each of ``scales``, pass@k for each of ``ks``.

    Names: ``one_shot`` (also what choosing at random gives), ``pass@k``, ``dual_pass@k``; of a
    scale ``NAME_NxM`` for every `Selector`; ``unit_test_accuracy`` and its ``_estimate``,
    ``invalid_tests``, ``p01``, ``p00``, ``mu``, ``far``, ``frr``, ``catch_rate``; for each m of
    the scales ``suite_far_M``, ``suite_frr_M``, ``coverage@M`` (`verification`);
    ``mutation_score``, ``branch_coverage``, ``input_size``, ``distinct_inputs``; ``coder.failed``,
    ``coder.failed.REASON``, ``coder.at_limit`` and the tester's (`reading`), where they are known.
    Raises ValueError where a scale or k is larger than the number of samples of a task.
    """
    _fits(facts, scales, ks)
    known, read = [observed(f) for f in facts], [f.reading for f in facts]
    per_task = {
        "one_shot": each(known, one_shot),
        "unit_test_accuracy": each(facts, accuracy),
        "unit_test_accuracy_estimate": each(facts, accuracy_estimate),
        "invalid_tests": each(facts, _invalid),
    }
    for k in ks:
        values = [
            pass_at_k(int(f.matrix.correct_P.sum()), len(f.matrix.correct_P), k) for f in known
        ]
        per_task[f"pass@{k}"] = np.array(values, dtype=float)
    for n, m in scales:
        rows = [_at_scale(f, n, m) for f in known]
        for one in Selector:
            per_task[f"{one}_{n}x{m}"] = np.array([row[one] for row in rows], dtype=float)
    tests = any(f.matrix.passed_PU.shape[1] for f in known)
    for k in ks if tests else ():  # without a test nothing is ranked
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
    }
    estimates = {name: mean_of(name, v) for name, v in per_task.items()}
    estimates |= {name: figure_of(name, figure) for name, figure in ratios.items()}
    return Summary(estimates, per_task, ratios, accuracy_by_size(facts), counts(read))


def _invalid(facts: TaskFacts) -> float:
    return float(1 - facts.valid_U.mean()) if facts.valid_U.size else NAN


def observed(facts: TaskFacts) -> TaskFacts:
    """The same without the programs whose ground truth is not known."""
    matrix = facts.matrix
    keep = matrix.correct_P | matrix.wrong_P
    return facts if keep.all() else _only(facts, keep)


def _at_scale(facts: TaskFacts, n: int, m: int) -> dict[Selector, float]:
    """P(correct) of what each selector takes among n programs of a task; NaN with fewer than n."""
    found = dict.fromkeys(Selector, NAN)
    matrix, correct = facts.matrix, facts.matrix.correct_P
    if n == 1 and len(correct):  # nothing is chosen, and so nothing is to be drawn
        known = {Selector.AGREEMENT_BON: facts.agreement_P, Selector.MAJORITY: facts.answers_PU}
        alike = [x for x in Selector if known.get(x, matrix) is not None]
        return found | dict.fromkeys(alike, float(correct.mean()))
    found[Selector.ORACLE] = pass_at_k(int(correct.sum()), len(correct), n)
    if len(correct) >= n:
        found[Selector.BON] = best_of(matrix, n, m, facts.parsed_U).value
        if facts.agreement_P is not None:
            chosen = best_of(matrix, n, m, facts.parsed_U, facts.agreement_P)
            found[Selector.AGREEMENT_BON] = chosen.value
    voting, usable = _voting(facts)
    correct = voting.matrix.correct_P
    if len(correct) >= n:
        drawn = subsets(len(correct), len(usable), n, m)
        found[Selector.DUAL] = dual_choice(voting.matrix.passed_PU, correct, drawn, usable).value
        if voting.answers_PU is not None:
            chosen = majority_choice(voting.answers_PU, correct, drawn, usable)
            found[Selector.MAJORITY] = chosen.value
    return found


def _dual_at(facts: TaskFacts, k: int) -> float:
    """pass@k of the ranking by dual agreement, of all programs and tests."""
    voting, usable = _voting(facts)
    correct = voting.matrix.correct_P
    if len(correct) < k:
        return NAN
    score = weights(voting.matrix.passed_PU[:, usable])
    return ranked_pass_at_k(score, correct, k)


def _voting(facts: TaskFacts) -> tuple[TaskFacts, Bools]:
    """The programs whose agreement is known, and the tests that tell something [U].

    A test that no program was observed on tells nothing; then a program with a masked cell has no
    vote and cannot be chosen by votes.
    """
    seen = facts.matrix.observed_PU
    usable = facts.parsed_U & seen.any(axis=0) if len(seen) else facts.parsed_U
    keep = np.asarray((seen | ~usable).all(axis=1))
    return (facts if keep.all() else _only(facts, keep)), usable


def _only(facts: TaskFacts, keep_P: Bools) -> TaskFacts:
    matrix = facts.matrix
    return replace(
        facts,
        matrix=PassMatrix(
            matrix.passed_PT[keep_P], matrix.observed_PT[keep_P], matrix.ground_truth
        ),
        agreement_P=None if facts.agreement_P is None else facts.agreement_P[keep_P],
        answers_PU=None if facts.answers_PU is None else facts.answers_PU[keep_P],
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


def _hits(pairs: Sequence[tuple[float, float] | None]) -> Linear:
    """Σ hits / Σ total; None says nothing."""
    known = [(0.0, 0.0) if pair is None else pair for pair in pairs]
    return ratio(np.array([x[0] for x in known]), np.array([x[1] for x in known]))
