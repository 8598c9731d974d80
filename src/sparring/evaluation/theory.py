"""The precision theorem on a run's own rollouts: predicted, promised and observed precision.

docs/theory.md says how to read it. Nothing is sampled or run. An unread test counts among the m,
where it tells nothing: m is a number of tests to sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.evaluation.recorded import rates_of, recorded_facts, right_by
from sparring.metrics.intervals import Linear
from sparring.metrics.named import figure_of, within
from sparring.metrics.precision import Pairs, if_independent, observed, pairs, predicted
from sparring.metrics.rates import Rate, Rates, RightBy
from sparring.metrics.shares import left_out_difference, left_out_interval, ratio_interval
from sparring.metrics.theory import CAP, ZERO, Law, Ties, bound, tests_by_bound, tests_for
from sparring.runs.reader import RunReader

DEFAULT_STEPS = 10
"""So many of the newest recorded steps are read when no others are asked for."""
LARGEST = 128
"""Numbers of tests are told up to here, and up to a group's own if that is larger."""
WANTED = (0.9, 0.95, 0.99)
"""Precisions for which the number of tests is told."""


def theory(run: RunReader, asked: range | None) -> dict[str, Any]:
    """Rates and precision over the recorded steps in ``asked``, or the last `DEFAULT_STEPS`.

    ``needed``: tests that a precision takes (ties lost), None where no number up to `CAP` is
    enough. Raises `RunError` when no such step is on record or its groups have nothing to compare.
    """
    recorded = run.recorded_steps()
    steps = recorded[-DEFAULT_STEPS:] if asked is None else [s for s in recorded if s in asked]
    if not steps:
        there = f"there are steps {recorded[0]} to {recorded[-1]}" if recorded else "there are none"
        wanted = f" of steps {asked[0]}-{asked[-1]}" if asked else ""
        raise RunError(f"{run.path}: no rollouts{wanted} on record; {there}")
    where = f"{run.path}: steps {steps[0]}-{steps[-1]}"
    groups = list(recorded_facts(run, steps))
    these = pairs(groups)
    if not len(these.counts):
        raise RunError(
            f"{where}: no group has both a correct and a wrong program that ran on a test, "
            "so there is nothing to compare; try other --steps"
        )
    if not any(g.parsed_U.any() for g in groups):
        raise RunError(f"{where}: no generated test could be read; try other --steps")
    by = right_by(groups)
    tasks_by = {
        one: len({g.task for g, b in zip(groups, by, strict=True) if b is one}) for one in RightBy
    }
    found = rates_of(groups, by)
    up, down = found.up(), found.down()
    most = max(len(g.parsed_U) for g in groups)
    return {
        "steps": steps,
        "steps_recorded": len(recorded),
        "groups": len(groups),
        "untested_groups": sum(not len(g.parsed_U) for g in groups),
        "paired_groups": len(set(these.group.tolist())),
        "pairs": len(these.counts),
        "tests_per_group": most,
        "tasks_by": {one.value: tasks for one, tasks in tasks_by.items()},
        "rates": _told(found),
        "rates_by_the_papers_rule": _told(rates_of(groups, [RightBy.ESTIMATE] * len(groups))),
        "precision": [_precision(these, up, down, m) for m in _numbers(most)],
        "needed": [_needed(up.value, down.value, goal) for goal in WANTED],
    }


def _told(found: Rates) -> dict[str, Any]:
    figures = {rate.value: figure_of(rate, found.of[rate]) for rate in Rate}
    figures |= {"mu": figure_of("mu", found.mu()), "mu_sampled": figure_of("mu", found.sampled())}
    return {name: figure.as_dict() for name, figure in figures.items()}


def _precision(these: Pairs, up: Linear, down: Linear, m: int) -> dict[str, Any]:
    row: dict[str, Any] = {"m": m, "bound": bound(up.value - down.value, m)}
    for ties in Ties:
        told, seen = predicted(up, down, m, ties), observed(these, m, ties)
        independent = left_out_interval(if_independent(these, m, ties))
        estimates = {
            "predicted": within(left_out_interval(told), 0.0, 1.0),
            "independent": within(independent, 0.0, 1.0),
            "observed": ratio_interval(seen),
            "difference": within(left_out_difference(told, seen), -1.0, 1.0),
        }
        row[f"ties_{ties.value}"] = {name: e.as_dict() for name, e in estimates.items()}
    return row


def _needed(up: float, down: float, goal: float) -> dict[str, Any]:
    known = not np.isnan(up - down)
    exact = tests_for(Law(up, down), goal, Ties.LOST, CAP) if known else None
    return {"precision": goal, "exact": exact, "bound": tests_by_bound(up - down, goal)}


def _numbers(most: int) -> list[int]:
    """1, 2, 4, … and the groups' own number of tests."""
    last = max(LARGEST, most)
    return sorted({2**k for k in range(last.bit_length())} | {most})


def advice(found: dict[str, Any]) -> list[str]:
    """What the figures of `theory` come to: how many tests by the model, and whether it held."""
    mu, needed = found["rates"]["mu_sampled"], found["needed"]
    if mu["mean"] is None:
        return ["μ is not known: too few programs met too few tests; give more --steps."]
    if mu["mean"] <= ZERO:
        worse = "hurt" if mu["mean"] < -ZERO else "tell nothing"
        lines = [f"μ is not above 0: more tests {worse}. They must become better first."]
    else:
        numbers = ([n[by] for n in needed] for by in ("exact", "bound"))
        exact, promised = (
            [f"more than {CAP:,}" if m is None else f"{m:,}" for m in ms] for ms in numbers
        )
        goals = _listed([f"{n['precision']:.0%}" for n in needed])
        lines = [
            f"By the model a precision of {goals} takes {_listed(exact)} tests "
            f"(by the bound {_listed(promised)})."
        ]
    if mu["low"] is None or mu["low"] <= 0 <= mu["high"]:
        lines.append("These groups do not tell μ from 0: give more --steps before relying on it.")
    return [*lines, _held(found)]


def _held(found: dict[str, Any]) -> str:
    """How the model's word compares with what was seen, with all tests of a group."""
    most = found["tests_per_group"]
    [row] = [row["ties_lost"] for row in found["precision"] if row["m"] == most]
    gap, seen = row["difference"], row["observed"]["mean"]
    if seen is None:
        return f"No pair of programs was seen on all {most} tests."
    said = f"Observed with all {most} tests: {seen:.1%}"
    if gap["low"] is None or gap["low"] <= 0 <= gap["high"]:
        return f"{said}; no difference from the model can be told."
    low, high = sorted(abs(100 * gap[x]) for x in ("low", "high"))
    said += f", {abs(100 * gap['mean']):.1f} points [{low:.1f}, {high:.1f}]"
    if gap["mean"] > 0:
        return f"{said} more than the model says."
    why = ": a wrong program that one test misses is missed by others too"
    return f"{said} less than the model says{why if row['independent']['mean'] > seen else ''}."


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
