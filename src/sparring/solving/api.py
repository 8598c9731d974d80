"""The library's way to solve one problem::

from sparring import solve

solved = solve("Write a function `add(a, b)`.\\n", coder="http://127.0.0.1:8000/v1")
print(solved.source)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sparring.evaluation.options import EvalOptions, ModelSpec
from sparring.evaluation.trained import resolve_options
from sparring.policy.chat.base import StopAsking
from sparring.schema import Role, Task
from sparring.selection.calibration import Calibration
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.engine import Solved as Solved
from sparring.solving.engine import solve_task
from sparring.solving.options import THRESHOLD, Sizes, SolveOptions
from sparring.solving.pipelines import Pipeline
from sparring.solving.problems.problem import ProblemOptions, read_problem
from sparring.solving.session import Step
from sparring.solving.strategies import strategy_of

_SIZES = Sizes()
Example = tuple[str, str]
"""Public example: standard input and output, or a call (or its arguments) and its value; texts."""


def solve(
    problem: str | Path | Task,
    *,
    coder: str | ModelSpec,
    tester: str | ModelSpec | None = None,
    n: int = _SIZES.n,
    m: int = _SIZES.m,
    examples: Sequence[Example] = (),
    tests: str | Path | None = None,
    task: str | None = None,
    entry_point: str | None = None,
    whole_program: bool = False,
    budget: Budget | None = None,
    repairs: int = _SIZES.repairs,
    select: Selector | None = None,
    pipeline: Pipeline | None = None,
    sure: float = THRESHOLD,
    calibration: Calibration | None = None,
    asking: EvalOptions | None = None,
    out: str | Path | None = None,
    stop: StopAsking = lambda: False,
    report: Callable[[str], None] = lambda line: None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Solved:
    """Solve a problem: sample programs and tests, run them, and choose one program.

    ``problem`` is a text, a file (text, Markdown, Python, a task file), or a `Task`, whose ground
    truth is not looked at. ``coder`` and ``tester`` are named as in `sparring eval`: a run, a
    directory, a hub id, ``nano``, the address of a server; by default one model plays both roles.

    At most ``n`` programs and ``m`` tests are sampled, and at most ``repairs`` repaired, within the
    ``budget``. ``examples`` are public examples beside those in the text, ``tests`` a file of
    binding tests. ``task``, ``entry_point`` and ``whole_program`` are those of `ProblemOptions`.
    ``select`` or ``pipeline`` replaces the usual choice. ``asking`` has sampling parameters,
    prompts and the sandbox's options; its models are not used.

    Below the probability ``sure`` of being right, `Solved.abstained` is true. With ``out`` the
    session is recorded there, and continued if it was interrupted. ``stop`` is asked between steps;
    ``report`` gets lines for the user before sampling begins, ``on_step`` each step of the session.

    Raises `SparringError` where no session can begin. A budget that ends, ``stop``, and a model
    that dies are no errors: the best so far is returned.
    """
    wanted = ProblemOptions(
        task, entry_point, whole_program, tuple(examples), None if tests is None else Path(tests)
    )
    read = read_problem(problem, wanted)
    for line in read.notes:
        report(line)
    options = replace(asking or EvalOptions(sources=()), sources=(), models=_models(coder, tester))
    options, notes = resolve_options(options)
    for line in notes:
        report(line)
    session = SolveOptions(
        asking=options,
        sizes=Sizes(n, m, repairs),
        budget=budget or Budget(),
        select=select,
        threshold=sure,
        calibration=calibration,
    )
    strategy = strategy_of(pipeline, select)
    where = None if out is None else Path(out)
    return solve_task(read.task, session, where, strategy=strategy, stop=stop, on_step=on_step)


def _models(coder: str | ModelSpec, tester: str | ModelSpec | None) -> dict[Role, ModelSpec]:
    first = ModelSpec(coder) if isinstance(coder, str) else coder
    if tester is None:
        return {Role.CODER: first, Role.TESTER: first}
    if isinstance(tester, str):
        tester = ModelSpec(tester, key_option="--tester-key")
    return {Role.CODER: first, Role.TESTER: tester}
