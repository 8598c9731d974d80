"""How sure: the probability that the chosen program is right, from what was seen.

Four signals of a program enter a logistic regression. The program itself is left out where others
are counted, so that it does not speak for itself, and counts are smoothed by ½, so that few
programs say little:

- ``agreement``: log-odds that another program gives the same value, averaged over the inputs;
- ``same``: log-odds that another program gives all of its values;
- ``margin``: sign(l) · ln(1 + |l|), l the log-odds of its pass pattern against all other patterns
  under the default rule (`b4`). The logarithm is needed: l itself is far too large, because B4
  takes programs and tests for independent, and errors are correlated;
- ``gap``: what its share of tests passed lacks to that of the program that passes most.

The share of tests passed itself adds nothing to these, nor do the sizes, the tests written several
times, or the least agreement on an input (docs/confidence.md).

The coefficients are fitted on labelled evaluations (``sparring calibrate``). The shipped ones and
the data they come from are in ``calibration.json``; docs/confidence.md has the reliability tables.

There is no probability where no program gave a value on any input: nothing was seen that could
tell a right program from a wrong one.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.selection import b4
from sparring.selection.calibration import Calibration, shipped
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence

ALONE = 3.0
"""Log-odds for each pass where all programs are of one pattern."""


def probability(
    evidence: Evidence, program: int, calibration: Calibration | None = None
) -> float | None:
    """Return the probability that a program (a row of the evidence) is right, by the shipped
    calibration unless another is given; None where there is none."""
    if not has_values(evidence):
        return None
    row = signals(evidence)[program]
    return float((calibration or shipped()).probability(row))


def has_values(evidence: Evidence) -> Bools:
    """Return True where some program gave a value on some input [...]."""
    return np.asarray((evidence.answers_PI != NONE).any(axis=(-2, -1)))


def signals(evidence: Evidence) -> Floats:
    """Return the `Signal`s of every program [..., P, S]."""
    others = max(evidence.programs - 1, 0)
    same_PPI = evidence.same_answers_PPI()
    used_I = (evidence.answers_PI != NONE).any(axis=-2)
    inputs = np.maximum(used_I.sum(axis=-1), 1)[..., None]
    same_PP = same_PPI.sum(axis=-1)
    values_P = np.diagonal(same_PP, axis1=-2, axis2=-1)
    agreeing = (same_PP.sum(axis=-1) - values_P) / inputs
    alike = ((same_PP == values_P[..., :, None]) & (values_P[..., :, None] > 0)).sum(axis=-1)
    alike = alike - (values_P > 0)
    passed = evidence.cells_PU.sum(axis=-1)
    observed = evidence.observed_PU.sum(axis=-1)
    share = passed / np.maximum(observed, 1)
    found = [
        _log_odds(agreeing, others),
        _log_odds(alike, others),
        _margin(evidence),
        share.max(axis=-1, keepdims=True, initial=0) - share,
    ]
    return np.stack([np.asarray(f, dtype=float) for f in found], axis=-1)


def _margin(evidence: Evidence) -> Floats:
    """Return the compressed log-odds of each program's pattern against all others [..., P].

    Where there is no other, `ALONE` times the number of passes stands for the log-odds: somewhat
    more than B4 gives if one program fails all tests that the others pass, and 0 without a pass.
    """
    score, alike = b4.scores(evidence), evidence.alike_PP()
    weight = score - np.log(alike.sum(axis=-1))  # the members of a pattern share its likelihood
    others = np.where(alike, -np.inf, weight[..., None, :])
    highest = others.max(axis=-1, keepdims=True, initial=-np.inf)
    known = np.isfinite(highest)
    base = np.where(known, highest, 0.0)
    total = np.exp(others - base).sum(axis=-1)
    passes = ALONE * evidence.cells_PU.sum(axis=(-2, -1))[..., None]
    odds = score - base[..., 0] - np.log(np.where(total > 0, total, 1))
    odds = np.where(known[..., 0], odds, passes)
    return np.asarray(np.sign(odds) * np.log1p(np.abs(odds)))


def _log_odds(count: Floats, total: int) -> Floats:
    return np.asarray(np.log((count + 0.5) / (total - count + 0.5)))
