"""The precision theorem applied to a run's rollouts: predicted, guaranteed and observed precision.

docs/theory.md explains the figures. No response is sampled and no program is run. The number m
counts sampled tests, so a test that could not be read is one of the m and prefers no program.
"""

from __future__ import annotations

from typing import Any

from sparring.errors import RunError
from sparring.evaluation.recorded import rates_of, recorded_facts, right_by
from sparring.metrics import theory
from sparring.metrics.intervals import Influence
from sparring.metrics.metric_intervals import figure_of, within
from sparring.metrics.rates import Rate, Rates, RightBy
from sparring.metrics.share_intervals import (
    jackknife_difference,
    jackknife_interval,
    ratio_interval,
)
from sparring.runs.reader import RunReader

DEFAULT_STEPS = 10
"""Number of the newest recorded steps that are read where no steps are named."""
LARGEST = 128
"""Largest number of tests in the table, unless a group has more."""
WANTED = (0.9, 0.95, 0.99)
"""Precisions for which the needed number of tests is computed."""


def theory_of(run: RunReader, wanted_steps: range | None) -> dict[str, Any]:
    """Return the rates and precisions over recorded steps as JSON-able data.

    ``wanted_steps`` None means the last `DEFAULT_STEPS` recorded steps. ``needed`` lists the number
    of tests for each wanted precision (ties lost), or None where no number up to `theory.CAP` is
    enough. Raises `RunError` where no such step is recorded or its groups have no pair to compare.
    """
    recorded = run.recorded_steps()
    steps = (
        recorded[-DEFAULT_STEPS:]
        if wanted_steps is None
        else [s for s in recorded if s in wanted_steps]
    )
    if not steps:
        advice = (
            f"recorded: steps {recorded[0]} to {recorded[-1]}" if recorded else "recorded: none"
        )
        named = f" of steps {wanted_steps[0]}-{wanted_steps[-1]}" if wanted_steps else ""
        raise RunError(f"{run.path}: no recorded rollouts{named}; {advice}")
    groups = list(recorded_facts(run, steps))
    pairs = theory.pairs(groups)
    reason = None
    if not len(pairs.counts):
        reason = "no group has both a correct and a wrong program that ran on a test"
    elif not any(g.parsed_U.any() for g in groups):
        reason = "no generated test could be read"
    if reason:
        raise RunError(f"{run.path}: steps {steps[0]}-{steps[-1]}: {reason}; try other --steps")
    by = right_by(groups)
    task_and_rule = [(g.task, rule) for g, rule in zip(groups, by, strict=True)]
    rates = rates_of(groups, by)
    up, down = rates.up(), rates.down()
    law = theory.Law(up.value, down.value)
    most = max(len(g.parsed_U) for g in groups)
    numbers = {2**k for k in range(max(LARGEST, most).bit_length())} | {most}
    return {
        "steps": steps,
        "steps_recorded": len(recorded),
        "groups": len(groups),
        "untested_groups": sum(not len(g.parsed_U) for g in groups),
        "paired_groups": len(set(pairs.group.tolist())),
        "pairs": len(pairs.counts),
        "tests_per_group": most,
        "tasks_by": {b.value: len({t for t, rule in task_and_rule if rule is b}) for b in RightBy},
        "rates": _rates(rates),
        "rates_by_the_papers_rule": _rates(rates_of(groups, [RightBy.ESTIMATE] * len(groups))),
        "precision": [_precision(pairs, up, down, m) for m in sorted(numbers)],
        "needed": [
            {
                "precision": precision,
                "exact": theory.tests_for(law, precision, theory.Ties.LOST, theory.CAP),
                "bound": theory.tests_by_bound(law.mu, precision),
            }
            for precision in WANTED
        ],
    }


def _rates(rates: Rates) -> dict[str, Any]:
    figures = {rate.value: figure_of(rate, rates.of[rate]) for rate in Rate}
    figures |= {"mu": figure_of("mu", rates.mu()), "mu_sampled": figure_of("mu", rates.sampled())}
    return {name: figure.as_dict() for name, figure in figures.items()}


def _precision(
    pairs: theory.ProgramPairs, up: Influence, down: Influence, m: int
) -> dict[str, Any]:
    row: dict[str, Any] = {"m": m, "bound": theory.bound(up.value - down.value, m)}
    for ties in theory.Ties:
        model, observed = theory.predicted(up, down, m, ties), theory.observed(pairs, m, ties)
        independent = jackknife_interval(theory.if_independent(pairs, m, ties))
        estimates = {
            "predicted": within(jackknife_interval(model), 0.0, 1.0),
            "independent": within(independent, 0.0, 1.0),
            "observed": ratio_interval(observed),
            "difference": within(jackknife_difference(model, observed), -1.0, 1.0),
        }
        row[f"ties_{ties.name.lower()}"] = {name: e.as_dict() for name, e in estimates.items()}
    return row
