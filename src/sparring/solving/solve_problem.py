"""Solve a problem as a user has it: read it, then begin a session on its task.

The command and the library (`solving.api`) both come here. Messages speak of the command's options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sparring.errors import ConfigError
from sparring.evaluation.trained import resolve_options
from sparring.policy.chat.base import StopAsking
from sparring.schema import Task
from sparring.selection.selectors import Selector
from sparring.solving.engine import Solved, solve_task
from sparring.solving.options import SolveOptions
from sparring.solving.pipelines import Pipeline
from sparring.solving.problems.problem import ProblemOptions, read_problem
from sparring.solving.session import Step
from sparring.solving.strategies import strategy_of


def solve_problem(
    problem: str | Path | Task,
    added: ProblemOptions,
    options: SolveOptions,
    pipeline: Pipeline | None = None,
    out: Path | None = None,
    *,
    stop: StopAsking,
    report: Callable[[str], None],
    on_step: Callable[[Step], None],
) -> Solved:
    """Solve a problem, with what the user has ``added`` to it; see `solving.api.solve`.

    Raises `SparringError` where no session can begin.
    """
    if options.select is Selector.ORACLE:
        raise ConfigError(
            f"--select {options.select}: needs the ground truth, which a problem has not; leave it "
            "out or name another rule"
        )
    read = read_problem(problem, added)
    asking, notes = resolve_options(options.asking)
    for line in (*read.notes, *notes):
        report(line)
    strategy = strategy_of(pipeline, options.select)
    return solve_task(
        read.task,
        replace(options, asking=asking),
        out,
        strategy=strategy,
        stop=stop,
        on_step=on_step,
    )
