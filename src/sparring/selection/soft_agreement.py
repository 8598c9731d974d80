"""Soft agreement: the mean share of programs that give the same answer, input by input.

Exact agreement (`consensus.agreement_counts`) asks for equal answers to every input; with many
inputs hardly two wrong programs, and few right ones, agree on all. Soft agreement counts input by
input, so a program that differs from the others on one input of fifty loses a fiftieth. It serves
to order programs that another rule finds equal. Source: a trial on 82 HumanEval tasks, repeated by
``benchmarks/selectors.py``.

An error is no answer and agrees with nothing, itself included. Degenerate cases: 0 for every
program where there is no input.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence) -> Floats:
    """Return the soft agreement of each program [P], between 0 and 1, itself included."""
    answers = evidence.answers_PI
    if not answers.size:
        return np.zeros(evidence.programs)
    equal_PPI = (answers[:, None] == answers[None]) & (answers != NONE)
    return np.asarray(equal_PPI.mean(axis=(1, 2)))
