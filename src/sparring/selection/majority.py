"""Majority of answers: the number of programs that give the same answers to all inputs.

Source: AlphaCode (arXiv 2203.07814) groups programs by their outputs on generated inputs and takes
the largest group first. Expected outputs of tests are ignored. The same number breaks ties of other
rules, as in CodeRM (arXiv 2501.01054).

Assumption: right programs agree, and wrong programs err in different ways.

An error is no answer. Two programs that fail on the same inputs, and answer all others alike, are
in one group; a program without any answer is in none, with score 0. Degenerate cases: without an
input every score is 0. Cost: P² × I.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence) -> Floats:
    """Return the number of programs with the same answers as each program [..., P], itself
    included."""
    answers = evidence.answers_PI
    equal = (answers[..., :, None, :] == answers[..., None, :, :]).all(axis=-1)
    size = evidence.of_complete(equal).sum(axis=-1)
    return np.asarray(size * (answers != NONE).any(axis=-1), dtype=float)
