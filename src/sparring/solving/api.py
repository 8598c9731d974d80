"""The library's way to solve one problem: `solve`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, python_names
from sparring.evaluation.api import ARGUMENTS, prompts_named, spec_of
from sparring.evaluation.options import EvalOptions, ModelSpec, check_field
from sparring.prompts.settings import PromptSettings
from sparring.sandbox.caller.packages import find_packages
from sparring.schema import Role, Task
from sparring.selection.calibration import load
from sparring.selection.rules import RULES
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.engine import Solved
from sparring.solving.options import THRESHOLD, Sizes
from sparring.solving.pipelines import Pipeline
from sparring.solving.problems.problem import ProblemOptions
from sparring.solving.session import Step
from sparring.solving.solve_problem import solve_problem

_USUAL, _SIZES = EvalOptions(sources=()), Sizes()
_NAMES = {
    **{name: f"solve({at}=…)" for name, at in (("-n", "n"), ("-m", "m"))},
    **{
        f"--{name.replace('_', '-')}": name
        for name in (
            "tests", "task", "entry_point", "whole_program", "seconds", "tokens", "requests",
            "executions", "select", "pipeline", "sure", "calibration", "workers",
        )
    },
    "--example": "examples",
    "--repair": "repairs",
}  # fmt: skip
"""What options of `sparring solve` are called here, beside those of `evaluate`."""


def solve(
    problem: str | Path | Task,
    *,
    coder: str | Path | ModelSpec,
    tester: str | Path | ModelSpec | None = None,
    n: int = _SIZES.n,
    m: int = _SIZES.m,
    examples: Sequence[tuple[str, str]] = (),
    tests: Path | str | None = None,
    task: str | None = None,
    entry_point: str | None = None,
    whole_program: bool = False,
    seconds: float | None = None,
    tokens: int | None = None,
    requests: int | None = None,
    executions: int | None = None,
    repairs: int = _SIZES.repairs,
    select: str | None = None,
    pipeline: str | None = None,
    sure: float = THRESHOLD,
    calibration: Path | str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    max_tokens: int | None = None,
    stop: Sequence[str] = (),
    seed: int = _USUAL.seed,
    prompts: PromptSettings | Path | str | None = None,
    tester_prompts: PromptSettings | Path | str | None = None,
    extra: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    workers: int | None = None,
    packages: Sequence[str] = (),
    packages_from: Path | str | None = None,
    out: Path | str | None = None,
    progress: bool = False,
) -> Solved:
    """Solve one problem: sample programs and tests, run them, and choose one program.

    Defaults are those of ``sparring solve``. A budget that ends and a model that dies are no
    errors: the choice is then made among what there is.

    Args:
        problem: A text, a `Path` (text, Markdown, Python, a task file), or a `Task`, whose ground
            truth is not looked at.
        coder: The model that writes programs, named as in `evaluate`.
        tester: The model that writes tests; by default the coder's.
        n: Most programs to sample.
        m: Most tests to sample.
        examples: Public examples beside those in the text: pairs of standard input and output, or
            of a call (or its arguments) and its value, all as texts.
        tests: File of binding tests: assertions or pytest for a function, JSON lines for a program.
        task: Id of the task, where the file has several.
        entry_point: Name of the function to write, where the text speaks of several.
        whole_program: Ask for a program on standard input, whatever the text says.
        seconds: Most seconds of wall time.
        tokens: Most tokens, of prompts and responses.
        requests: Most requests to models, repeated ones included.
        executions: Most executions of a program on an input.
        repairs: Most rounds of repairs of programs that fail a test.
        select: Name of the rule that chooses, such as ``"dual"`` (docs/selection.md).
        pipeline: Name of a published pipeline in place of sampling by need (docs/pipelines.md).
        sure: Probability of being right below which `Solved.abstained` is true.
        calibration: File of ``sparring calibrate`` in place of the shipped calibration.
        temperature: Divides the logits; by default that of the model's run, else 0.8.
        top_p: Share of probability that is sampled from; by default 1.
        top_k: Number of likeliest tokens that are sampled from; by default 0, which is all.
        max_tokens: Longest response, in tokens; by default that of the model's run, else 1024.
        stop: Texts that end a response.
        seed: Seed of the sampling.
        prompts: Prompts, or the recipe file, run directory or ``"nano"`` that has them.
        tester_prompts: Prompts of the tester in place of ``prompts``.
        extra: Further fields of each request to a server. They are written to disk.
        concurrency: Most responses in flight; by default 16 of a server, 64 of a local model.
        workers: Worker processes of the sandbox; by default one for each CPU.
        packages: Packages that programs may import beside the standard library.
        packages_from: Environment that holds these packages; by default this process's own.
        out: Directory to record the session in. The same call continues an interrupted session.
        progress: Show notes and steps on standard error. By default nothing is printed.

    Returns:
        The chosen program, how sure the choice is, and everything that it follows from.

    Raises:
        DataError: For a problem, example or test that cannot be used.
        ConfigError: For a wrong argument, before anything is asked.
        ModelError: For a model or server that cannot be used.
        RunError: For a directory that holds another session.
        SandboxError: If the host gives no isolation.
    """
    for name, value, least in (("n", n, 1), ("m", m, 0), ("repairs", repairs, 0)):
        if value < least:
            raise ConfigError(f"{name}: is {value}; it must be at least {least}")
    if not 0 <= sure <= 1:
        raise ConfigError(f"sure: is {sure:g}; it must be a probability, from 0 to 1")
    with python_names({**ARGUMENTS, **_NAMES}):
        for field in extra or {}:
            check_field(field)
        asking = EvalOptions(
            sources=(),
            models={
                Role.CODER: spec_of(coder),
                Role.TESTER: spec_of(tester or coder, "--tester-key"),
            },
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            max_tokens=max_tokens,
            stop=tuple(stop),
            seed=seed,
            prompts=prompts_named(prompts),
            tester_prompts=prompts_named(tester_prompts),
            extra=extra or {},
            concurrency=concurrency,
            workers=workers,
            packages=find_packages(
                list(packages), None if packages_from is None else str(packages_from)
            ),
        )
        return solve_problem(
            problem,
            sizes=Sizes(n, m, repairs),
            wanted=ProblemOptions(
                task,
                entry_point,
                whole_program,
                tuple(examples),
                None if tests is None else Path(tests),
            ),
            budget=Budget(seconds, tokens, requests, executions),
            select=None if select is None else _selector(select),
            pipeline=None if pipeline is None else _pipeline(pipeline),
            sure=sure,
            calibration=None if calibration is None else load(Path(calibration)),
            asking=asking,
            out=None if out is None else Path(out),
            stop=lambda: False,
            report=_print if progress else _say_nothing,
            on_step=_print_step if progress else _say_nothing,
        )


def _selector(name: str) -> Selector:
    try:
        return Selector(name)
    except ValueError:
        raise ConfigError(
            f"select: {name!r} is no rule; choose one of {', '.join(RULES)}"
        ) from None


def _pipeline(name: str) -> Pipeline:
    try:
        return Pipeline(name)
    except ValueError:
        known = ", ".join(Pipeline)
        raise ConfigError(f"pipeline: {name!r} is none; choose one of {known}") from None


def _print(line: str) -> None:
    print(line, file=sys.stderr)


def _print_step(step: Step) -> None:
    _print(f"{step.step}: {step.text}")


def _say_nothing(said: object) -> None:
    pass
