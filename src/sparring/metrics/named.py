"""Which interval a figure gets, by its name: the one place for training, evaluation and theory.

A figure's name says whether it is a share, and how little it can vary from
task to task (`shares.Unit`). So a figure has the same interval wherever it is
shown. Here nothing is measured.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Linear, linear_difference
from sparring.metrics.shares import (
    Unit,
    left_out_difference,
    left_out_interval,
    ratio_difference,
    ratio_interval,
    share_interval,
)
from sparring.selection.selectors import Selector

_OF_ONE = re.compile(r"[a-z_]+_1x\d+")
"""Figures of a choice among one."""
_CHOICE = re.compile(
    rf"({'|'.join([*Selector, 'pool_bon', 'agreement_pool_bon'])})_\d+x\d+|majority_program"
)
"""Figures of one that is chosen. ``majority_program`` is one: whether a task's commonest behaviour
is right. ``majority_test`` is none: it is the share of a task's tests that are right after a vote
among those with the same input, and most inputs occur once."""


def is_share(name: str) -> bool:
    """Whether the figure ``name`` lies between 0 and 1."""
    return name not in ("input_size", "mu")


def mean_of(name: str, values: Floats) -> Estimate:
    """The mean over tasks of the figure ``name``, one value per task [tasks]; NaN tasks are left
    out and not counted."""
    return share_interval(values, _unit(name))


def figure_of(name: str, figure: Linear) -> Estimate:
    """The figure ``name``, a function of sums over tasks, with its interval."""
    if is_share(name):
        return ratio_interval(figure)
    found = left_out_interval(figure)
    return within(found, -1.0, 1.0) if name == "mu" else found


def difference_of(name: str, before: Linear, after: Linear) -> Estimate:
    """after − before of the figure ``name``, paired by task.

    What was recorded without each task's weight (runs of earlier versions) has the symmetric
    interval of influences alone.
    """
    known = (before.share, before.left, after.share, after.left)
    if is_share(name):
        if any(x is None for x in known):
            return linear_difference(before, after)
        return ratio_difference(before, after)
    if before.left is None or after.left is None:
        return linear_difference(before, after)
    return left_out_difference(before, after)


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The interval cut off where the figure cannot be; what is unknown stays so."""
    return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))


def _unit(name: str) -> Unit:
    if name == "pass@1" or _OF_ONE.fullmatch(name):
        return Unit.SHARE  # one-shot by another name
    if name.startswith(("oracle", "pass@", "dual_pass@")):
        return Unit.SET
    return Unit.CHOICE if _CHOICE.fullmatch(name) else Unit.SHARE
