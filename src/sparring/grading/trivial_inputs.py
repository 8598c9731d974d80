"""Trivial inputs: the one definition that monitors, trials of prompts and evaluations share."""

from __future__ import annotations

import numpy as np

from sparring.grading.answers import size
from sparring.grading.group import GroupResult
from sparring.matrix import Bools
from sparring.schema import TestKind


def trivial_U(group: GroupResult) -> Bools | None:
    """Mark the readable tests [U] with a trivial input: one of fewer than half as many values as
    the median of the task's ground-truth inputs, hidden ones included.

    An unread test and a script have no input size and are not trivial. None where every
    ground-truth test is a script, so that no size is known.
    """
    sizes = [size(t) for t in group.task.ground_truth if t.kind is not TestKind.SCRIPT]
    if not sizes:
        return None
    # NaN, the size of an unread test, is not less than any number.
    return np.asarray(group.size_U < float(np.median(sizes)) / 2)
