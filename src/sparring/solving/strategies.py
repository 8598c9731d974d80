"""Strategies by name: by need, and the pipelines."""

from __future__ import annotations

from sparring.errors import ConfigError, RunError
from sparring.selection import default
from sparring.selection.selectors import Selector
from sparring.solving.by_need import by_need
from sparring.solving.candidates import Solution
from sparring.solving.engine import Strategy
from sparring.solving.pipelines import OWN_RULE, Pipeline, run_pipeline
from sparring.solving.session import Session


def strategy_of(pipeline: Pipeline | None, select: Selector | None = None) -> Strategy:
    """Return the strategy of a pipeline, under the pipeline's name; `by_need` for None.

    ``select`` chooses where a pipeline has no rule of its own. `by_need` takes it from the options.
    Raises `ConfigError` where ``select`` would have no effect.
    """
    if pipeline is None:
        return by_need
    if select is not None and pipeline in OWN_RULE:
        raise ConfigError(
            f"--select {select}: has no effect on the pipeline {pipeline}, which has a rule of its "
            "own; leave it out"
        )
    named: Pipeline = pipeline

    def solve_by_pipeline(session: Session) -> Solution:
        return run_pipeline(named, session, select or default.SELECTOR).solution

    solve_by_pipeline.__name__ = named.value
    return solve_by_pipeline


def recorded_strategy(name: str, select: Selector | None = None) -> Strategy:
    """Return the strategy that a record names. Raises `RunError` for an unknown name."""
    if name == by_need.__name__:
        return by_need
    if name not in list(Pipeline):
        raise RunError(f"the strategy {name!r} of the record is not known; replay it with the "
                       "version that made it")  # fmt: skip
    return strategy_of(Pipeline(name), select)
