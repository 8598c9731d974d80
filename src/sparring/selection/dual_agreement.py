"""Dual agreement: programs that pass the same tests form a group, weighed by programs × tests.

Source: CodeT, arXiv 2207.10397, equation 2. The paper's weight is the number of programs times the
number of tests passed; the code released with it takes the square root of the number of programs
(`consensus.Weight`).

Assumption: right programs pass the same tests, and wrong programs seldom do. Equal programs and
equal tests each count, because the model has said so twice.

Degenerate cases: 0 for a program that passes no test, so all programs are equal without a test. One
program that passes many tests may outweigh a group. Cost: P² × U.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.consensus import Weight
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence, weight: Weight = Weight.PRODUCT) -> Floats:
    """Return the weight of each program's group [..., P]."""
    size = evidence.alike_PP().sum(axis=-1).astype(float)
    count = size if weight is Weight.PRODUCT else np.sqrt(size)
    return np.asarray(count * evidence.cells_PU.sum(axis=-1))
