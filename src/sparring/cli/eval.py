"""``sparring eval``: measure how well models write programs and tests.

The command loads torch only to evaluate a local model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring.cli.answers import check_alone, grade_answers
from sparring.cli.common import PackagesFromOption, PackagesOption, packages_of_options
from sparring.cli.figures import ResponsesMissing, finish
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
    TesterMaxTokensOption,
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
from sparring.errors import ConfigError, RunError, Stopped, explained
from sparring.evaluation.chat_models import role_models
from sparring.evaluation.directory import recorded_models
from sparring.evaluation.export import Export, parse_export
from sparring.evaluation.options import (
    USUAL_SCALES,
    EvalOptions,
    ModelSpec,
    Protocol,
    extra_fields,
    prompts_of,
    scales_of,
)
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.run import evaluate_models
from sparring.evaluation.trained import resolve_options
from sparring.interrupt import stopping
from sparring.schema import Task
from sparring.solving import pipeline_tables
from sparring.solving.evaluate_pipelines import evaluate_pipelines
from sparring.solving.measure import PAPER_SIZE, MeasuredPipelines, for_each_task
from sparring.solving.pipelines import Pipeline
from sparring.tasks.sources import USUAL_COUNT
from sparring.view.terminal.tables import show

_USUAL = EvalOptions(sources=())
_STOPPING = b"\nsparring: finishing the requests in flight; press Ctrl-C again to stop now\n"


def evaluate_command(
    tasks: Annotated[
        list[str],
        typer.Argument(
            help=f"Task files, or microworld:SPLIT for embedded tasks: always the same "
            f"{USUAL_COUNT}, or as many as --limit-tasks says.",
            show_default=False,
        ),
    ],
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Directory to write the evaluation to; an unfinished one there is continued.",
        ),
    ],
    coder: CoderOption = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            "--answers",
            metavar="FILE",
            help="Grade the answers in this file instead of asking a model (format of EvalPlus, "
            "LiveCodeBench, CodeT or Sparring); may be repeated.",
        ),
    ] = None,
    tester: TesterOption = None,
    coder_model: CoderModelOption = None,
    tester_model: TesterModelOption = None,
    coder_key: CoderKeyOption = None,
    tester_key: TesterKeyOption = None,
    programs: Annotated[
        int, typer.Option("-n", min=1, help="Programs to sample for each task.")
    ] = _USUAL.programs,
    tests: Annotated[
        int,
        typer.Option("-m", min=0, help="Tests to sample for each task; 0 measures programs alone."),
    ] = _USUAL.tests,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Scales of the Best-of-N figures, such as 4x4,16x16 (programs x tests); by "
            f"default those of {USUAL_SCALES} that fit -n and -m."
        ),
    ] = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    max_tokens: MaxTokensOption = None,
    tester_max_tokens: TesterMaxTokensOption = None,
    stop: StopOption = None,
    end_token: EndTokenOption = None,
    tester_end_token: TesterEndTokenOption = None,
    reasoning: ReasoningOption = None,
    tester_reasoning: TesterReasoningOption = None,
    seed: SeedOption = _USUAL.seed,
    preset: Annotated[
        Protocol | None,
        typer.Option(
            help="official: the protocol of the paper's released code; further options change it."
        ),
    ] = None,
    prompts: PromptsOption = None,
    tester_prompts: TesterPromptsOption = None,
    mutants: Annotated[
        int,
        typer.Option(
            min=0,
            help="Mutants (copies of the reference solution with one mistake) per task, to measure "
            "how many the tests catch.",
        ),
    ] = _USUAL.mutants,
    checker: Annotated[
        str | None,
        typer.Option(help="Rule that compares all outputs; by default that of each task."),
    ] = None,
    max_tests: Annotated[
        int | None,
        typer.Option(min=1, help="Use the first so many ground-truth tests of each task."),
    ] = None,
    limit_tasks: Annotated[
        int | None, typer.Option(min=1, help="Use only the first so many tasks.")
    ] = None,
    token_budget: Annotated[
        int | None,
        typer.Option(min=1, help="Stop asking after so many tokens, those of prompts included."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Directory of responses and outcomes that evaluations share."),
    ] = None,
    concurrency: ConcurrencyOption = None,
    rpm: RpmOption = None,
    attempts: AttemptsOption = _USUAL.attempts,
    timeout: TimeoutOption = _USUAL.seconds,
    extra: ExtraOption = None,
    workers: WorkersOption = None,
    level: LevelOption = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="evalplus|lcb[=FILE]",
            help="Write the programs in the format of EvalPlus or LiveCodeBench too.",
        ),
    ] = None,
    pipeline: Annotated[
        list[Pipeline] | None,
        typer.Option(
            "--pipeline",
            help="Solve each task by this pipeline too, without its ground truth, and compare it "
            "with one-shot and Best-of-N at equal tokens; may be repeated.",
        ),
    ] = None,
    pipeline_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Programs and tests that a pipeline begins with; by default {PAPER_SIZE}, the "
            "paper's.",
        ),
    ] = None,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
) -> None:
    """Measure how well models write programs and tests: local models, or models at an API."""
    pipelines = _pipelines(pipeline, pipeline_size, tests, token_budget)
    exports = [parse_export(text, out) for text in export or ()]
    if cache is not None and cache.resolve() == out.resolve():
        raise ConfigError("--cache: is the directory of --out; name another one")
    if answers:
        check_alone(context)
    elif coder is None:
        raise ConfigError(
            "--coder: no model is named; name the model to ask, or give --answers FILE"
        )
    options = EvalOptions(
        sources=tuple(tasks),
        models=role_specs(
            ModelSpec(coder or "", coder_model, coder_key, tuple(end_token or ())),
            tester,
            tester_model,
            tester_key,
            tester_end_token,
        ),
        programs=programs,
        tests=tests,
        mutants=mutants,
        scales=scales_of(scale) if scale else None,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_tokens=max_tokens,
        tester_max_tokens=tester_max_tokens,
        stop=tuple(stop or ()),
        seed=seed,
        max_tests=max_tests,
        limit_tasks=limit_tasks,
        checker=checker,
        prompts=prompts_of(prompts) if prompts else None,
        tester_prompts=prompts_of(tester_prompts) if tester_prompts else None,
        protocol=preset,
        reasoning=reasoning_modes(reasoning, tester_reasoning),
        concurrency=concurrency,
        per_minute=rpm,
        attempts=attempts,
        seconds=timeout,
        extra=extra_fields(extra or ()),
        budget=token_budget,
        cache=cache,
        workers=workers,
        level=level,
        packages=packages_of_options(packages, packages_from),
    )
    console = Console()
    if answers:
        grade_answers(options, answers, out, console, exports)
    else:
        ask_models(options, out, console, exports, pipelines)


def ask_models(
    options: EvalOptions,
    out: Path,
    console: Console,
    exports: Sequence[Export],
    pipelines: MeasuredPipelines | None = None,
) -> None:
    """Evaluate the models that the options name, then the ``pipelines``, and print the figures.

    The first Ctrl-C lets the requests in flight finish. Raises `SparringError`.
    """
    options, notes = resolve_options(options)
    for line in notes:
        console.print(Text(line), soft_wrap=True)
    with EvaluationProgress(console) as progress, stopping(_STOPPING) as should_stop:
        loaded = options.load()  # a bad file should fail before the wait for a server
        models = role_models(options, recorded_models(out), should_stop)
        try:
            evaluation = evaluate_models(options, loaded, models, out, progress, should_stop)
        except RunError as error:
            if should_stop():
                raise Stopped(str(error)) from None
            raise
        stopped = should_stop()
    finish(evaluation, loaded, out, console, exports, stopped)
    if pipelines is not None and stopped:
        raise Stopped("stopped before the pipelines; repeat the command to continue")
    if pipelines is not None:
        _solve(pipelines, options, loaded, out, console)


def _solve(
    pipelines: MeasuredPipelines,
    options: EvalOptions,
    tasks: Sequence[Task],
    out: Path,
    console: Console,
) -> None:
    """Measure pipelines on the tasks of an evaluation, and print their figures."""
    with EvaluationProgress(console) as progress, stopping(_STOPPING) as should_stop:
        models = role_models(for_each_task(options), recorded_models(out), should_stop)
        measured, complaint = evaluate_pipelines(
            pipelines, options, tasks, models, out, progress, should_stop
        )
        stopped = should_stop()
    with explained(out):
        (out / "pipelines.md").write_text(pipeline_tables.markdown(measured), encoding="utf-8")
    show(console, *pipeline_tables.tables(measured))
    for line in [*pipeline_tables.lines(measured), f"figures: {out / 'eval.json'}, pipelines.md"]:
        console.print(Text(line), soft_wrap=True)
    if complaint:
        raise Stopped(complaint) if stopped else ResponsesMissing(complaint)


def _pipelines(
    names: Sequence[Pipeline] | None, size: int | None, tests: int, budget: int | None
) -> MeasuredPipelines | None:
    """Return what the options say about pipelines. Raises `ConfigError`."""
    if not names:
        if size is not None:
            raise ConfigError("--pipeline-size: belongs to --pipeline; add it")
        return None
    if tests == 0:
        raise ConfigError(
            "-m 0: leaves no test, and --pipeline is compared with Best-of-N; give -m 1 or more"
        )
    if budget is not None:
        raise ConfigError(
            "--token-budget: ends in the middle of a task, so that pipelines could not be "
            "compared; leave it or --pipeline out"
        )
    return MeasuredPipelines(pipelines=tuple(dict.fromkeys(names)), size=size or PAPER_SIZE)
