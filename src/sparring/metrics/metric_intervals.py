"""Intervals by the name of a figure: the one place for training, evaluation and theory.

The name of a figure tells if it is a share, and how little the figure can vary from task to task
(`share_intervals.Unit`). A figure therefore has the same interval wherever it is shown. This module
measures nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Influence, influence_difference
from sparring.metrics.share_intervals import (
    Unit,
    jackknife_difference,
    jackknife_interval,
    ratio_difference,
    ratio_interval,
    share_interval,
)
from sparring.selection.selectors import Selector

_OF_ONE = re.compile(r"[a-z0-9_]+_1x\d+")
"""Names of figures at scales with only one program to choose from."""
_CHOICE = re.compile(
    rf"({'|'.join([*Selector, 'pool_bon', 'agreement_pool_bon'])})_\d+x\d+|majority_program"
)
"""Names of figures of one chosen program. ``majority_program`` is such a figure: is the most common
behaviour of a task right? ``majority_test`` is not: it is the share of a task's tests that are
right after a vote among tests with the same input, and most inputs occur once."""


def is_share(name: str) -> bool:
    """Return True if the figure ``name`` lies between 0 and 1."""
    return name not in ("input_size", "mu")


def mean_of(name: str, values: Floats) -> Estimate:
    """Return the mean over tasks of the figure ``name``, from one value per task [tasks]. NaN tasks
    are left out and not counted."""
    return share_interval(values, _unit(name))


def figure_of(name: str, figure: Influence) -> Estimate:
    """Return the figure ``name``, a function of sums over tasks, with its interval."""
    if is_share(name):
        return ratio_interval(figure)
    estimate = jackknife_interval(figure)
    least, most = (-1.0, 1.0) if name == "mu" else (0.0, math.inf)  # input_size counts values
    return within(estimate, least, most)


def difference_of(name: str, before: Influence, after: Influence) -> Estimate:
    """Return after − before of the figure ``name``, paired by task.

    A figure that was recorded without each task's weight (by earlier versions) gets the symmetric
    interval, from influences alone.
    """
    known = (before.share, before.left, after.share, after.left)
    if is_share(name):
        if any(x is None for x in known):
            return influence_difference(before, after)
        return ratio_difference(before, after)
    if before.left is None or after.left is None:
        return influence_difference(before, after)
    return jackknife_difference(before, after)


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """Return the estimate with its interval cut to the range of the figure; NaN stays NaN."""
    return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))


def _unit(name: str) -> Unit:
    if name == "pass@1" or _OF_ONE.fullmatch(name):
        return Unit.SHARE  # the mean of single programs, not of a choice
    if name.startswith(("oracle", "pass@", "dual_pass@")):
        return Unit.SET
    return Unit.CHOICE if _CHOICE.fullmatch(name) else Unit.SHARE
