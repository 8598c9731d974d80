"""``sparring solve``: get one program for one problem out of a coder and a tester."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import PackagesFromOption, PackagesOption, packages_of_options
from sparring.cli.model_options import (
    AttemptsOption,
    CoderKeyOption,
    CoderModelOption,
    CoderOption,
    ConcurrencyOption,
    EndTokenOption,
    ExtraOption,
    LevelOption,
    MaxTokensOption,
    PromptsOption,
    ReasoningOption,
    RpmOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TesterEndTokenOption,
    TesterKeyOption,
    TesterModelOption,
    TesterOption,
    TesterPromptsOption,
    TesterReasoningOption,
    TimeoutOption,
    TopKOption,
    TopPOption,
    WorkersOption,
    reasoning_modes,
    role_specs,
)
from sparring.cli.pairs import pairs_of
from sparring.errors import ConfigError
from sparring.evaluation.options import EvalOptions, ModelSpec, extra_fields, prompts_of
from sparring.interrupt import stopping
from sparring.runs.lines import clean
from sparring.selection.calibration import load
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.engine import Solved
from sparring.solving.options import THRESHOLD, Sizes
from sparring.solving.pipelines import Pipeline
from sparring.solving.problems.places import STANDARD_INPUT, is_head
from sparring.solving.problems.problem import ProblemOptions
from sparring.solving.replay import recorded_session, replay_directory
from sparring.solving.session import Step
from sparring.solving.solve_problem import solve_problem
from sparring.solving.strategies import recorded_strategy
from sparring.text import visible

_USUAL, _SIZES = EvalOptions(sources=()), Sizes()
_STOPPING = b"\nsparring: deciding with what there is; press Ctrl-C again to end at once\n"
_IN_A_REPLAY = frozenset({"replay", "select", "sure", "as_json"})
"""Parameters that have an effect on a recorded session."""


class SolveStatus(IntEnum):
    """Exit status of `sparring solve`. Errors end with the statuses of all commands, 1 and 2."""

    SOLVED = 0
    """The program is as likely to be right as ``--sure`` asks for."""
    UNSURE = 3
    """The best program so far is less likely to be right, or how likely is unknown."""
    NO_PROGRAM = 4
    """No program could be read in any response."""
    STOPPED = 130
    """Ctrl-C: the best program so far, if there is one."""


def solve_command(
    context: typer.Context,
    problem: Annotated[
        str | None,
        typer.Argument(
            help="The problem: a text or Markdown file, a Python file that ends with the head of a "
            "function, such a head itself, a task file (with --task), or - for standard input.",
            show_default=False,
        ),
    ] = None,
    coder: CoderOption = None,
    tester: TesterOption = None,
    coder_model: CoderModelOption = None,
    tester_model: TesterModelOption = None,
    coder_key: CoderKeyOption = None,
    tester_key: TesterKeyOption = None,
    task: Annotated[
        str | None, typer.Option(metavar="ID", help="The task of a task file that has several.")
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IN OUT",
            help="A public example: standard input and output of a program, or the arguments of a "
            "function and its value; may be repeated.",
        ),
    ] = None,
    tests: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Binding tests of your own: Python with assertions or pytest functions; for a "
            'whole program JSON lines {"input": …, "output": …}.',
        ),
    ] = None,
    entry_point: Annotated[
        str | None,
        typer.Option(
            "--entry-point",
            metavar="NAME",
            help="The function to write, where the problem does not say it.",
        ),
    ] = None,
    whole_program: Annotated[
        bool,
        typer.Option(
            "--whole-program",
            help="Ask for a program on standard input, whatever functions the problem speaks of.",
        ),
    ] = False,
    programs: Annotated[int, typer.Option("-n", min=1, help="Most programs to sample.")] = _SIZES.n,
    generated: Annotated[int, typer.Option("-m", min=0, help="Most tests to sample.")] = _SIZES.m,
    select: Annotated[
        Selector | None,
        typer.Option(help="Rule that chooses, in place of the usual one."),
    ] = None,
    repair: Annotated[
        int,
        typer.Option(
            metavar="K", min=0, help="Most rounds of repairs of programs that fail a test."
        ),
    ] = _SIZES.repairs,
    pipeline: Annotated[
        Pipeline | None,
        typer.Option(help="Solve by this published pipeline, in place of sampling by need."),
    ] = None,
    sure: Annotated[
        float,
        typer.Option(
            metavar="P",
            min=0.0,
            max=1.0,
            help="Least probability of being right; below it the exit status is 3. 0 takes any.",
        ),
    ] = THRESHOLD,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Budget: wall time, in seconds.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Budget: tokens of prompts and responses.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option(min=1, help="Budget: requests to models, repeated ones included.")
    ] = None,
    executions: Annotated[
        int | None, typer.Option(min=1, help="Budget: executions of a program on an input.")
    ] = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    max_tokens: MaxTokensOption = None,
    stop: StopOption = None,
    end_token: EndTokenOption = None,
    tester_end_token: TesterEndTokenOption = None,
    reasoning: ReasoningOption = None,
    tester_reasoning: TesterReasoningOption = None,
    seed: SeedOption = _USUAL.seed,
    prompts: PromptsOption = None,
    tester_prompts: TesterPromptsOption = None,
    concurrency: ConcurrencyOption = None,
    rpm: RpmOption = None,
    attempts: AttemptsOption = _USUAL.attempts,
    timeout: TimeoutOption = _USUAL.seconds,
    extra: ExtraOption = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Calibration of the probability, in place of the shipped one."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object in place of the program.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory to record the session in, for show, report and --replay; an unfinished "
            "session there is continued."
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Decide again from the record in this directory, without a model."
        ),
    ] = None,
    workers: WorkersOption = None,
    level: LevelOption = None,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
) -> None:
    """Solve a problem: sample programs and tests, run them, print the program that is chosen.

    Standard output is the program alone, as one response has it; standard error has a short
    account. Exit status: 0, the program is likely to be right (--sure); 3, it is the best so far,
    and less likely; 4, no program could be read; 130, stopped by Ctrl-C, with the best so far; 1
    and 2, an error.
    """
    if replay is not None:
        _check_replay(context)
        changed = _is_given(context, "sure")
        _end(_replayed(replay, select, sure if changed else None), [], as_json)
    if problem is None:
        raise ConfigError("no problem is named; name a file, or - for standard input")
    if coder is None:
        raise ConfigError("--coder: no model is named; name the model to ask")
    models = role_specs(
        ModelSpec(coder, coder_model, coder_key, tuple(end_token or ())),
        tester,
        tester_model,
        tester_key,
        tester_end_token,
    )
    asking = EvalOptions(
        sources=(),
        models=models,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_tokens=max_tokens,
        stop=tuple(stop or ()),
        seed=seed,
        prompts=prompts_of(prompts) if prompts else None,
        tester_prompts=prompts_of(tester_prompts) if tester_prompts else None,
        reasoning=reasoning_modes(reasoning, tester_reasoning),
        concurrency=concurrency,
        per_minute=rpm,
        attempts=attempts,
        seconds=timeout,
        extra=extra_fields(extra or ()),
        workers=workers,
        level=level,
        packages=packages_of_options(packages, packages_from),
    )
    named: str | Path = problem if problem == STANDARD_INPUT or is_head(problem) else Path(problem)
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        _say(line)

    with stopping(_STOPPING) as should_stop:
        solved = solve_problem(
            named,
            sizes=Sizes(programs, generated, repair),
            wanted=ProblemOptions(
                task, entry_point, whole_program, tuple(pairs_of(example or ())), tests
            ),
            budget=Budget(seconds, tokens, requests, executions),
            select=select,
            pipeline=pipeline,
            sure=sure,
            calibration=load(calibration) if calibration is not None else None,
            asking=asking,
            out=out,
            stop=should_stop,
            report=note,
            on_step=_say_step if sys.stderr.isatty() else _say_nothing,
        )
    if out is not None:
        solved_lines = f"record: {out} (sparring show {out}; sparring solve --replay {out})"
    else:
        solved_lines = ""
    _end(solved, notes, as_json, solved_lines)


def _end(solved: Solved, notes: list[str], as_json: bool, where: str = "") -> None:
    """Print the account and the program, or one JSON object, and exit with the status."""
    status = _status(solved)
    for line in [*solved.account, *([where] if where else [])]:
        _say(line)
    if as_json:
        name = status.name.lower()
        record = {"status": name, "exit": status.value, "source": solved.source, "notes": notes}
        typer.echo(json.dumps({**record, **clean(solved.record)}))
    elif solved.source is not None:
        _print_program(solved.source)
    raise typer.Exit(status.value)


def _status(solved: Solved) -> SolveStatus:
    if solved.record["stopped"]:
        return SolveStatus.STOPPED
    if solved.source is None:
        return SolveStatus.NO_PROGRAM
    return SolveStatus.UNSURE if solved.abstained else SolveStatus.SOLVED


def _print_program(source: str) -> None:
    """Print a program to the byte; on a terminal without characters that control it."""
    ended = source if source.endswith("\n") else f"{source}\n"
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.buffer.write(ended.encode("utf-8", "surrogateescape"))
    else:
        sys.stdout.write(visible(ended))
    sys.stdout.flush()


def _say(line: str) -> None:
    typer.echo(visible(line), err=True)


def _say_step(step: Step) -> None:
    _say(step.text)


def _say_nothing(step: Step) -> None:
    """Keep the account short where nobody waits for it."""


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_replay(context: typer.Context) -> None:
    """Raise `ConfigError` for an option that has no effect on a recorded session."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in _IN_A_REPLAY and _is_given(context, name):
            option = "PROBLEM" if name == "problem" else max(parameter.opts, key=len)
            raise ConfigError(
                f"{option}: has no effect on the session that --replay decides again; leave it out"
            )


def _replayed(path: Path, select: Selector | None, sure: float | None) -> Solved:
    """Decide a recorded session again, and say whether the decision is the recorded one."""
    recorded = recorded_session(path)
    strategy = recorded_strategy(recorded.strategy, select or recorded.options.select)
    result = replay_directory(path, strategy=strategy, select=select, threshold=sure)
    if result.same is None:
        _say("replay: the session did not end, so there is no decision to compare with")
    elif result.same:
        _say("replay: the decision is the recorded one")
    else:
        chosen = result.solved.solution.chosen
        same_program = chosen == result.recorded
        before = "no program" if result.recorded is None else f"P{result.recorded}"
        _say(
            "replay: the program is the recorded one, the decision is not"
            if same_program
            else f"replay: another program; the session chose {before}"
        )
    return result.solved
