"""Clusters on distinguishing inputs: one point for each input on which a program's answer is the
most common one.

Source: the execution part of S*, arXiv 2502.14382. S* clusters the programs by their answers to
each input, lets clusters compete, and gives a point to the members of the single best cluster; a
tie gives nothing, and programs that fail form no cluster. In S* a language model judges which of
two clusters is better. Here the larger cluster is better, so that no model is asked.

Assumption: on each input the most common answer is right. Only inputs with different answers
distinguish programs; an input to which all give the same answer adds a point to each.

Degenerate cases: without an input, or where all inputs are tied, every score is 0. Against soft
agreement, a narrow majority counts as much as a wide one. Cost: P² × I.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence) -> Floats:
    """Return the number of inputs on which each program is in the single largest cluster
    [..., P]."""
    size_PI = evidence.same_answers_PPI().sum(axis=-2)
    largest_I = size_PI.max(axis=-2, keepdims=True, initial=0)
    in_largest = (size_PI == largest_I) & (size_PI > 0)
    # One cluster of the largest size has exactly that many members; two have twice as many.
    single = in_largest.sum(axis=-2, keepdims=True) == largest_I
    return np.asarray((in_largest & single).sum(axis=-1), dtype=float)
