"""The precision theorem on a run's own rollouts: predicted, promised and observed precision.

    sparring theory RUN [--steps A-B] [--json FILE]

Each recorded group gives its pass matrix. Rates are counted from all of
them, with a test's rightness by reference where the task has one and by the
paper's rule where it has none; from the rates follow the exact precision of m
tests and the theorem's bound, from the matrices what m of a group's tests
really do. Nothing is sampled or run. docs/theory.md says how to read it.

An unread test counts among the m, where it tells nothing: m is a number of
tests to sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.grading.record import result_from
from sparring.metrics.intervals import (
    Estimate,
    Linear,
)
from sparring.metrics.named import figure_of, within
from sparring.metrics.precision import Pairs, if_independent, observed, pairs, predicted
from sparring.metrics.rates import Group, Rate, Rates, RightBy, by_task, count, rates
from sparring.metrics.shares import left_out_difference, left_out_interval, ratio_interval
from sparring.metrics.theory import CAP, Law, Ties, bound, tests_by_bound, tests_for
from sparring.runs.directory import RunDir, step_file

DEFAULT_STEPS = 10
"""So many of the newest recorded steps are read when no others are asked for."""
LARGEST = 128
"""Numbers of tests are told up to here, and up to a group's own if that is larger."""
WANTED = (0.9, 0.95, 0.99)
"""Precisions for which the number of tests is told."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Precision with m tests under one rule for ties. ``difference``: observed − predicted.
    ``independent``: the pairs' own frequencies under the theorem's independence. Observed figures
    are unknown beyond the groups' own number of tests."""

    predicted: Estimate
    independent: Estimate
    observed: Estimate
    difference: Estimate

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "predicted": self.predicted.as_dict(),
            "independent": self.independent.as_dict(),
            "observed": self.observed.as_dict(),
            "difference": self.difference.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of one number of tests."""

    m: int
    bound: float
    by_ties: dict[Ties, Precision]


@dataclass(frozen=True, slots=True)
class Needed:
    """How many tests a precision takes (ties lost), exactly and by the bound; None where no
    number is enough, or more than `CAP`."""

    precision: float
    exact: int | None
    by_bound: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run's groups say. ``tests``: generated tests of a group, ``untested``: groups whose
    tests were not sampled. ``by``: tasks by who says
    what is right. ``rates``: by `Rate`'s names, μ of a read test (``mu``) and of a sampled one
    (``mu_sampled``); ``by_rule`` are the same by the paper's rule everywhere."""

    steps: list[int]
    recorded: list[int]
    groups: int
    untested: int
    paired_groups: int
    pairs: int
    tests: int
    by: dict[RightBy, int]
    rates: dict[str, Estimate]
    by_rule: dict[str, Estimate]
    rows: list[Row]
    needed: list[Needed]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything."""
        return {
            "steps": self.steps,
            "groups": self.groups,
            "untested_groups": self.untested,
            "paired_groups": self.paired_groups,
            "pairs": self.pairs,
            "tests_per_group": self.tests,
            "tasks_by": {k.value: v for k, v in self.by.items()},
            "rates": {k: v.as_dict() for k, v in self.rates.items()},
            "rates_by_the_papers_rule": {k: v.as_dict() for k, v in self.by_rule.items()},
            "precision": [
                {"m": row.m, "bound": row.bound}
                | {f"ties_{ties.value}": p.as_dict() for ties, p in row.by_ties.items()}
                for row in self.rows
            ],
            "needed": [
                {"precision": n.precision, "exact": n.exact, "bound": n.by_bound}
                for n in self.needed
            ],
        }


def theory(run: RunDir, asked: range | None) -> Report:
    """Rates and precision over the recorded steps in ``asked``, or the last `DEFAULT_STEPS`.

    Raises `RunError` when no such step is on record or its groups have
    nothing to compare.
    """
    recorded = run.recorded_steps()
    steps = recorded[-DEFAULT_STEPS:] if asked is None else [s for s in recorded if s in asked]
    if not steps:
        there = f"there are steps {recorded[0]} to {recorded[-1]}" if recorded else "there are none"
        wanted = f" of steps {asked[0]}-{asked[-1]}" if asked else ""
        raise RunError(f"{run.path}: no rollouts{wanted} on record; {there}")
    where = f"{run.path}: steps {steps[0]}-{steps[-1]}"
    groups = [group for step in steps for group in _groups(run, step)]
    these = pairs(groups)
    if not len(these.counts):
        raise RunError(
            f"{where}: no group has both a correct and a wrong program that ran on a test, "
            "so there is nothing to compare; try other --steps"
        )
    if not any(g.parsed_U.any() for g in groups):
        raise RunError(f"{where}: no generated test could be read; try other --steps")
    by = [RightBy.ESTIMATE if g.right_U is None else RightBy.REFERENCE for g in groups]
    found = _counted(groups, by)
    up, down = found.up(), found.down()
    most = max(len(g.parsed_U) for g in groups)
    mu = up.value - down.value
    known = not np.isnan(mu)
    return Report(
        steps=steps,
        recorded=recorded,
        groups=len(groups),
        untested=sum(not len(g.parsed_U) for g in groups),
        paired_groups=len(set(these.group.tolist())),
        pairs=len(these.counts),
        tests=most,
        by={
            one: len({g.task for g, b in zip(groups, by, strict=True) if b is one})
            for one in RightBy
        },
        rates=_told(found),
        by_rule=_told(_counted(groups, [RightBy.ESTIMATE] * len(groups))),
        rows=[Row(m, bound(mu, m), _by_ties(these, up, down, m)) for m in _numbers(most)],
        needed=[
            Needed(
                goal,
                tests_for(Law(up.value, down.value), goal, Ties.LOST, CAP) if known else None,
                tests_by_bound(mu, goal) if known else None,
            )
            for goal in WANTED
        ],
    )


def _groups(run: RunDir, step: int) -> list[Group]:
    judged = [result_from(record) for record in run.read_lines(step_file("rollouts", step))]
    return [Group(j.task.id, j.matrix, j.parsed_U, j.right_U) for j in judged if j.coder]


def _counted(groups: Sequence[Group], by: Sequence[RightBy]) -> Rates:
    counts = np.stack([count(g, b) for g, b in zip(groups, by, strict=True)])
    return rates(by_task(groups, counts))


def _told(found: Rates) -> dict[str, Estimate]:
    figures = {rate.value: figure_of(rate, found.of[rate]) for rate in Rate}
    mu = {"mu": found.mu(), "mu_sampled": found.sampled()}
    return figures | {name: figure_of("mu", figure) for name, figure in mu.items()}


def _by_ties(these: Pairs, up: Linear, down: Linear, m: int) -> dict[Ties, Precision]:
    found = {}
    for ties in Ties:
        told, seen = predicted(up, down, m, ties), observed(these, m, ties)
        found[ties] = Precision(
            within(left_out_interval(told), 0.0, 1.0),
            within(left_out_interval(if_independent(these, m, ties)), 0.0, 1.0),
            ratio_interval(seen),
            within(left_out_difference(told, seen), -1.0, 1.0),
        )
    return found


def _numbers(most: int) -> list[int]:
    """1, 2, 4, … and the groups' own number of tests."""
    powers = {2**k for k in range(max(LARGEST, most).bit_length())}
    return sorted({p for p in powers if p <= max(LARGEST, most)} | {most})
