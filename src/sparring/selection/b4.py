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
a, and does best near the number of cells; the defaults are those of a trial on 82 HumanEval tasks.

Degenerate cases: without tests all programs are one pattern and equal; a pattern that passes no
test can win where hardly any test is passed. A masked cell enters no count, and a program with a
masked cell is the only member of its pattern.
"""

from __future__ import annotations

from math import lgamma

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence

A = 30.0
"""Prior count of right programs and of right tests."""


def scores(evidence: Evidence, a: float = A, b: float | None = None) -> Floats:
    """Return the log-likelihood of each program's pattern [P]. ``b``: the prior count of wrong tests
    that a wrong program fails; None means the number of cells, programs × tests."""
    passed, observed = evidence.passed_PU & evidence.observed_PU, evidence.observed_PU
    n, m = passed.shape
    rate = float(max(n * m, 1)) if b is None else b
    score_P = np.zeros(n)
    keys = [
        (row.tobytes(), -1 if o.all() else p)
        for p, (row, o) in enumerate(zip(passed, observed, strict=True))
    ]
    for key in set(keys):
        members = np.array([k == key for k in keys])
        y = passed[members][0]
        seen = observed[members].any(axis=0)
        others, mask = passed[~members], observed[~members]
        e1, n1 = int(others[:, y].sum()), int(mask[:, y].sum())
        e0, n0 = int(others[:, ~y].sum()), int(mask[:, ~y].sum())
        k, right, known = int(members.sum()), int(y.sum()), int(seen.sum())
        score_P[members] = (
            _log_beta(right + a, known - right + 1)
            + _log_beta(k + a, n - k + 1)
            + _log_beta(e1 + 1, n1 - e1 + 1)
            + _log_beta(e0 + 1, n0 - e0 + rate)
        )
    return score_P


def _log_beta(x: float, y: float) -> float:
    return lgamma(x) + lgamma(y) - lgamma(x + y)
