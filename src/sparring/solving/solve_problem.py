"""A problem from its text to the decision: what the command and the library's `solve` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sparring.errors import ConfigError
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.trained import resolve_options
from sparring.policy.chat.base import StopAsking
from sparring.schema import Task
from sparring.selection.calibration import Calibration
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.engine import Solved as Solved
from sparring.solving.engine import solve_task
from sparring.solving.options import Sizes, SolveOptions
from sparring.solving.pipelines import Pipeline
from sparring.solving.problems.problem import ProblemOptions, read_problem
from sparring.solving.session import Step
from sparring.solving.strategies import strategy_of


def solve_problem(
    problem: str | Path | Task,
    *,
    sizes: Sizes,
    wanted: ProblemOptions,
    budget: Budget,
    select: Selector | None,
    pipeline: Pipeline | None,
    sure: float,
    calibration: Calibration | None,
    asking: EvalOptions,
    out: Path | None,
    stop: StopAsking,
    report: Callable[[str], None],
    on_step: Callable[[Step], None],
) -> Solved:
    """Read a problem, and solve it in a session.

    The arguments are those of the library's `solve`, with the limits in a ``budget`` and everything
    about models, sampling, prompts and the sandbox in ``asking``. ``stop`` is called between steps;
    ``report`` gets lines for the user before sampling begins, ``on_step`` each step of the session.
    Raises `SparringError` where no session can begin.
    """
    strategy = strategy_of(pipeline, select)
    if pipeline is not None and sizes.repairs:
        raise ConfigError(
            f"--repair: has no effect on --pipeline {pipeline}, which repairs by its own rules; "
            "leave one of them out"
        )
    session = SolveOptions(
        asking=asking,
        sizes=sizes,
        budget=budget,
        select=select,
        threshold=sure,
        calibration=calibration,
    )
    read = read_problem(problem, wanted)
    for line in read.notes:
        report(line)
    options, notes = resolve_options(asking)
    for line in notes:
        report(line)
    session = replace(session, asking=options)
    return solve_task(read.task, session, out, strategy=strategy, stop=stop, on_step=on_step)
