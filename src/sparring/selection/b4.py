"""B4: the choice of the pass pattern that is most probable under a Bayesian model of tests.

Source: arXiv 2409.08692 (ASE 2024). Programs that pass the same tests form one pattern. The
hypothesis "the right programs are exactly those of pattern y, and the right tests exactly those
that y passes" is scored by four beta terms, each the marginal likelihood of a Bernoulli rate:

- tests are right at an unknown rate: B(Σy + a, m − Σy + 1);
- programs are right at an unknown rate: B(k + a, n − k + 1), k programs in the pattern;
- the other programs pass right tests at an unknown rate: B(E1 + 1, N1 − E1 + 1), where E1 of the N1
  cells (other programs × tests that y passes) are passes;
- the other programs pass wrong tests at a rate that is likely small: B(E0 + 1, N0 − E0 + b).

Assumption: programs, tests and cells are independent given what is right. ``a`` states how likely a
right program or test is, ``b`` how seldom a wrong program passes a wrong test. b matters more than
a, and does best at one to ten times the number of cells (`benchmarks/selection.py`).

Degenerate cases: without tests all programs are one pattern and equal; a pattern that passes no
test can win where hardly any test is passed. Cost: P² × U.
"""

from __future__ import annotations

from math import lgamma

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence

A = 10.0
"""Prior count of right programs and of right tests."""
CELLS = 3.0
"""Prior count of wrong tests that a wrong program fails, for each cell of the matrix."""


def scores(evidence: Evidence, a: float = A, b: float | Floats | None = None) -> Floats:
    """Return the log-likelihood of each program's pattern [..., P]. ``b``: the prior count of wrong
    tests that a wrong program fails; None means `CELLS` times programs × tests."""
    passed, observed = evidence.cells_PU, evidence.observed_PU.astype(float)
    failed = observed - passed
    alike = evidence.alike_PP()
    others = ~alike

    def of_others(tests: Floats, cells: Floats) -> Floats:
        """Count ``cells`` of the programs outside each pattern on ``tests`` of the pattern."""
        return np.asarray((others * (tests @ cells.swapaxes(-1, -2))).sum(axis=-1))

    e1, n1 = of_others(passed, passed), of_others(passed, observed)
    e0, n0 = of_others(failed, passed), of_others(failed, observed)
    k, right, known = alike.sum(axis=-1), passed.sum(axis=-1), observed.sum(axis=-1)
    n = evidence.programs
    cells = np.maximum(CELLS * n * evidence.used_U.sum(axis=-1, keepdims=True), 1)
    return (
        _log_beta(right + a, known - right + 1)
        + _log_beta(k + a, n - k + 1)
        + _log_beta(e1 + 1, n1 - e1 + 1)
        + _log_beta(e0 + 1, n0 - e0 + (cells if b is None else b))
    )


def _log_beta(x: Floats, y: Floats) -> Floats:
    return _log_gamma(x) + _log_gamma(y) - _log_gamma(x + y)


def _log_gamma(x: Floats) -> Floats:
    """Return ln Γ of each number, computed once for equal numbers: there are few distinct counts,
    and numpy has no such function."""
    values, place = np.unique(x, return_inverse=True)
    return np.array([lgamma(v) for v in values.tolist()])[place.reshape(x.shape)]
