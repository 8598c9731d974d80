"""Tests passed: the share of the observed generated tests that a program passes.

Source: CURE, arXiv 2506.03136, equation 1: Best-of-N chooses the program that passes most of the
generated tests.

Assumption: right programs pass more tests than wrong programs. By theorem 3.1 of that paper this
holds for many tests where μ > 0; where μ < 0 more tests make the choice worse.

Degenerate cases: without a test all programs are equal. A test that all programs pass, or all fail,
changes nothing. Cost: P × U.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence) -> Floats:
    """Return the share of passed tests of each program [..., P]; 0 where none was observed."""
    count = evidence.observed_PU.sum(axis=-1)
    return np.asarray(evidence.cells_PU.sum(axis=-1) / np.maximum(count, 1))
