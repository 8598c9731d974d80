"""Soft agreement: the mean share of programs that give the same answer, input by input.

Source: ours; a trial on 82 HumanEval tasks, repeated by ``benchmarks/selection.py``. Exact
agreement (`majority`) asks for equal answers to every input; with many inputs hardly two wrong
programs, and few right ones, agree on all. Soft agreement counts input by input, so a program that
differs from the others on one input of fifty loses a fiftieth. It orders programs that another rule
finds equal, and can choose alone.

Assumption: on most inputs the most common answer is right.

An error is no answer and agrees with nothing, itself included. Degenerate cases: 0 for every
program where there is no input. Cost: P² × I.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence


def scores(evidence: Evidence) -> Floats:
    """Return the soft agreement of each program [..., P], between 0 and 1, itself included."""
    pairs = evidence.programs * evidence.answers_PI.shape[-1]
    return np.asarray(evidence.same_answers_PPI().sum(axis=(-2, -1)) / max(pairs, 1))
