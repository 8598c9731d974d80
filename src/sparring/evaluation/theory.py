"""The precision theorem on a run's own rollouts: predicted, promised and observed precision.

docs/theory.md says how to read it. Nothing is sampled or run. An unread test counts among the m,
where it tells nothing: m is a number of tests to sample.
"""

from __future__ import annotations

from typing import Any

from sparring.errors import RunError
from sparring.evaluation.recorded import rates_of, recorded_facts, right_by
from sparring.metrics import theory
from sparring.metrics.intervals import Linear
from sparring.metrics.named import figure_of, within
from sparring.metrics.rates import Rate, Rates, RightBy
from sparring.metrics.shares import left_out_difference, left_out_interval, ratio_interval
from sparring.runs.reader import RunReader

DEFAULT_STEPS = 10
"""So many of the newest recorded steps are read when no others are asked for."""
LARGEST = 128
"""Numbers of tests are told up to here, and up to a group's own if that is larger."""
WANTED = (0.9, 0.95, 0.99)
"""Precisions for which the number of tests is told."""


def theory_of(run: RunReader, asked: range | None) -> dict[str, Any]:
    """Rates and precision over the recorded steps in ``asked``, or the last `DEFAULT_STEPS`.

    ``needed``: tests that a precision takes (ties lost), None where no number up to `theory.CAP` is
    enough. Raises `RunError` when no such step is on record or its groups have nothing to compare.
    """
    recorded = run.recorded_steps()
    steps = recorded[-DEFAULT_STEPS:] if asked is None else [s for s in recorded if s in asked]
    if not steps:
        there = f"there are steps {recorded[0]} to {recorded[-1]}" if recorded else "there are none"
        wanted = f" of steps {asked[0]}-{asked[-1]}" if asked else ""
        raise RunError(f"{run.path}: no rollouts{wanted} on record; {there}")
    groups = list(recorded_facts(run, steps))
    these = theory.pairs(groups)
    why = None
    if not len(these.counts):
        why = "no group has both a correct and a wrong program that ran on a test"
    elif not any(g.parsed_U.any() for g in groups):
        why = "no generated test could be read"
    if why:
        raise RunError(f"{run.path}: steps {steps[0]}-{steps[-1]}: {why}; try other --steps")
    by = right_by(groups)
    whose = [(g.task, one) for g, one in zip(groups, by, strict=True)]
    rates = rates_of(groups, by)
    up, down = rates.up(), rates.down()
    x = theory.Law(up.value, down.value)
    most = max(len(g.parsed_U) for g in groups)
    numbers = {2**k for k in range(max(LARGEST, most).bit_length())} | {most}
    return {
        "steps": steps,
        "steps_recorded": len(recorded),
        "groups": len(groups),
        "untested_groups": sum(not len(g.parsed_U) for g in groups),
        "paired_groups": len(set(these.group.tolist())),
        "pairs": len(these.counts),
        "tests_per_group": most,
        "tasks_by": {b.value: len({t for t, other in whose if other is b}) for b in RightBy},
        "rates": _rates(rates),
        "rates_by_the_papers_rule": _rates(rates_of(groups, [RightBy.ESTIMATE] * len(groups))),
        "precision": [_precision(these, up, down, m) for m in sorted(numbers)],
        "needed": [
            {
                "precision": wanted,
                "exact": theory.tests_for(x, wanted, theory.Ties.LOST, theory.CAP),
                "bound": theory.tests_by_bound(x.mu, wanted),
            }
            for wanted in WANTED
        ],
    }


def _rates(rates: Rates) -> dict[str, Any]:
    figures = {rate.value: figure_of(rate, rates.of[rate]) for rate in Rate}
    figures |= {"mu": figure_of("mu", rates.mu()), "mu_sampled": figure_of("mu", rates.sampled())}
    return {name: figure.as_dict() for name, figure in figures.items()}


def _precision(these: theory.Pairs, up: Linear, down: Linear, m: int) -> dict[str, Any]:
    row: dict[str, Any] = {"m": m, "bound": theory.bound(up.value - down.value, m)}
    for ties in theory.Ties:
        model, seen = theory.predicted(up, down, m, ties), theory.observed(these, m, ties)
        independent = left_out_interval(theory.if_independent(these, m, ties))
        estimates = {
            "predicted": within(left_out_interval(model), 0.0, 1.0),
            "independent": within(independent, 0.0, 1.0),
            "observed": ratio_interval(seen),
            "difference": within(left_out_difference(model, seen), -1.0, 1.0),
        }
        row[f"ties_{ties.name.lower()}"] = {name: e.as_dict() for name, e in estimates.items()}
    return row
