"""ACES-C: votes of tests, weighted by how well each test agrees with all the others.

Source: arXiv 2604.03922, of which no code is public and of which only the abstract and summaries
were at hand. Taken from there:

- the leave-one-out AUC of a test j: rank the programs by the number of *other* tests that they
  pass; the AUC is the chance that a program that passes j is ranked above one that fails j (equal
  ranks count ½);
- E[AUC_j] − ½ = c_j · δ_j, where δ_j = P(pass j | right) − P(pass j | wrong) is what a vote of test
  j is worth.

Derived here: for independent tests c_j = (A − ½) π(1 − π) / (p_j (1 − p_j)). π is the share of
right programs, p_j the share that passes j, and A the AUC of the other tests for right against
wrong programs. Of a program that passes j and one that fails j, the first is right and the second
wrong with a probability that exceeds the reverse by π(1 − π) δ_j / (p_j (1 − p_j)). A hardly
depends on j, so the closed-form weight w_j = p_j (1 − p_j) (AUC_j − ½) is proportional to δ_j. A
program's score is the sum of the weights of the tests that it passes. Whether the authors' closed
form has the same factor could not be checked.

Assumption: tests are independent given what is right, and good on average (A > ½). If not, all
weights have the wrong sign.

Degenerate cases: a test that all programs pass, or all fail, has weight 0; so has every test where
there is only one, since no other ranks the programs. A test that contradicts the others has a
negative weight. Cost: P² × U.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence

_DIGITS = 9
"""Digits kept of a score, so that equal scores are equal whatever the order of summation."""


def scores(evidence: Evidence) -> Floats:
    """Return the weighted votes for each program [..., P]."""
    votes = (weights(evidence)[..., None, :] * evidence.filled_PU).sum(axis=-1)
    return np.asarray(np.round(votes, _DIGITS))


def weights(evidence: Evidence) -> Floats:
    """Return the weight of each test [..., U]: p (1 − p) (AUC − ½).

    The product is a mean over all pairs of the test's observed programs: ½ for a pair that the
    other tests rank as the test does, −½ for a pair that they rank the other way round.
    """
    passed, observed = evidence.cells_PU, evidence.observed_PU.astype(float)
    # A program's share of the other tests is (passes − 1) / (tests − 1) where it passes the test,
    # and passes / (tests − 1) where it fails. The shares are compared by cross products, which are
    # whole numbers; for a program without another test both products are 0.
    count = passed.sum(axis=-1)
    others = np.maximum(observed.sum(axis=-1) - 1, 0)
    above = (count - 1)[..., :, None] * others[..., None, :]
    below = count[..., None, :] * others[..., :, None]
    pairs = (passed * (np.sign(above - below) @ (observed - passed))).sum(axis=-2)
    return np.asarray(0.5 * pairs / np.maximum(observed.sum(axis=-2), 1) ** 2)
