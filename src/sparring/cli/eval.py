"""``sparring eval``: how well models write programs and tests.

Torch is loaded only where a local model is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring.cli.answers import check_alone, grade_answers
from sparring.cli.common import PackagesFromOption, PackagesOption, given_packages
from sparring.cli.figures import finish
from sparring.errors import ConfigError, RunError, Stopped
from sparring.evaluation.authors import respondents
from sparring.evaluation.directory import recorded_models
from sparring.evaluation.export import Export, parse_export
from sparring.evaluation.options import (
    USUAL_COUNT,
    USUAL_SCALES,
    EvalOptions,
    Named,
    Protocol,
    extra_fields,
    prompts_of,
    scales_of,
)
from sparring.evaluation.progress import Progress
from sparring.evaluation.run import evaluate_models
from sparring.evaluation.trained import resolved
from sparring.interrupt import stopping
from sparring.prompts.opening import ReasoningMode
from sparring.sandbox.types import Level
from sparring.schema import Role

_USUAL = EvalOptions(sources=())
_HEARD = b"\nsparring: stopping when what is in work has come; Ctrl-C again stops at once\n"


def evaluate_command(
    tasks: Annotated[
        list[str],
        typer.Argument(
            help=f"Task files, or microworld:SPLIT ({USUAL_COUNT} of its tasks, always the same, "
            "unless --limit-tasks says how many).",
            show_default=False,
        ),
    ],
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Directory to write, or to go on in.")],
    coder: Annotated[
        str | None,
        typer.Option(
            help="A checkpoint's directory, a run's (its newest checkpoint), a hub id, nano, or a "
            "server's address."
        ),
    ] = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            "--answers",
            metavar="FILE",
            help="Grade these instead of asking a model: of EvalPlus, LiveCodeBench, CodeT, "
            "Sparring.",
        ),
    ] = None,
    tester: Annotated[
        str | None, typer.Option(help="The same for the tester; without it the coder is both.")
    ] = None,
    coder_model: Annotated[
        str | None, typer.Option(help="The model's name at the server, if it has several.")
    ] = None,
    tester_model: Annotated[str | None, typer.Option(help="The same for the tester.")] = None,
    coder_key: Annotated[
        str | None,
        typer.Option(metavar="VARIABLE", help="Holds the server's key; default OPENAI_API_KEY."),
    ] = None,
    tester_key: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The same for the tester.")
    ] = None,
    programs: Annotated[
        int, typer.Option("-n", min=1, help="Programs per task.")
    ] = _USUAL.programs,
    tests: Annotated[
        int, typer.Option("-m", min=0, help="Tests per task; 0: only code.")
    ] = _USUAL.tests,
    scale: Annotated[
        str | None,
        typer.Option(help=f"Best-of-N figures; default those of {USUAL_SCALES} that fit."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Default 0.8; of a run's checkpoint, the run's.")
    ] = None,
    top_p: Annotated[float | None, typer.Option(help="Default 1.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Default 0: all tokens.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Of a response; default 1024, or as the run has it.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", help="A text that ends a response.")
    ] = None,
    end_token: Annotated[
        list[str] | None,
        typer.Option(
            "--end-token", help="A token that ends a local model's responses, such as <|im_end|>."
        ),
    ] = None,
    tester_end_token: Annotated[
        list[str] | None, typer.Option("--tester-end-token", help="The same for the tester.")
    ] = None,
    reasoning: Annotated[
        ReasoningMode | None,
        typer.Option(
            help="open: the server's chat template opens it before every response; none: there is "
            "none. Default: as --prompts has it, auto."
        ),
    ] = None,
    tester_reasoning: Annotated[
        ReasoningMode | None, typer.Option(help="The same for the tester.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling; the tasks stay.")] = _USUAL.seed,
    preset: Annotated[
        Protocol | None,
        typer.Option(help="official: as the paper's code does; other options change it."),
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="Messages of this recipe, of a run, or of nano."),
    ] = None,
    tester_prompts: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="The same for the tester alone.")
    ] = None,
    mutants: Annotated[
        int,
        typer.Option(min=0, help="Small mistakes put into a reference solution; do tests notice?"),
    ] = _USUAL.mutants,
    checker: Annotated[
        str | None, typer.Option(help="Compare all outputs so; default: as the tasks say.")
    ] = None,
    max_tests: Annotated[
        int | None, typer.Option(min=1, help="Ground-truth tests used of each task.")
    ] = None,
    limit_tasks: Annotated[int | None, typer.Option(min=1, help="Only the first tasks.")] = None,
    token_budget: Annotated[
        int | None, typer.Option(min=1, help="Stop asking after so many tokens, prompts included.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Directory of responses and outcomes shared between evaluations."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Responses in work at once; default 16 at a server, 64 here."),
    ] = None,
    rpm: Annotated[
        float | None, typer.Option(min=0.01, help="Requests per minute to a server.")
    ] = None,
    attempts: Annotated[
        int, typer.Option(min=1, help="For a response of a server.")
    ] = _USUAL.attempts,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a response.")
    ] = _USUAL.seconds,
    extra: Annotated[
        list[str] | None,
        typer.Option("--extra", metavar="KEY=VALUE", help="A further field of each request."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Of the sandbox.")] = None,
    level: Annotated[Level | None, typer.Option(help="Isolation to insist on.")] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export", metavar="evalplus|lcb[=FILE]", help="Write the programs in this shape too."
        ),
    ] = None,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
) -> None:
    """Measure how well models write programs and tests: local ones or any at an API."""
    exports = [parse_export(text, out) for text in export or ()]
    if cache is not None and cache.resolve() == out.resolve():
        raise ConfigError("--cache: must be another directory than --out")
    if answers:
        check_alone(context)
    elif coder is None:
        raise ConfigError("--coder: name the model that is to be asked, or give --answers FILE")
    options = EvalOptions(
        sources=tuple(tasks),
        models=_models(
            Named(coder or "", coder_model, coder_key, tuple(end_token or ())),
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
        stop=tuple(stop or ()),
        seed=seed,
        max_tests=max_tests,
        limit_tasks=limit_tasks,
        checker=checker,
        prompts=prompts_of(prompts) if prompts else None,
        tester_prompts=prompts_of(tester_prompts) if tester_prompts else None,
        protocol=preset,
        reasoning=_reasoning(reasoning, tester_reasoning),
        concurrency=concurrency,
        per_minute=rpm,
        attempts=attempts,
        seconds=timeout,
        extra=extra_fields(extra or ()),
        budget=token_budget,
        cache=cache,
        workers=workers,
        level=level,
        packages=given_packages(packages, packages_from),
    )
    console = Console()
    if answers:
        grade_answers(options, answers, out, console, exports)
    else:
        ask_models(options, out, console, exports)


def ask_models(
    options: EvalOptions, out: Path, console: Console, exports: Sequence[Export]
) -> None:
    """Evaluate the models of the options. Raises `SparringError`."""
    options, told = resolved(options)
    for line in told:
        console.print(Text(line), soft_wrap=True)
    with Progress(console) as progress, stopping(_HEARD) as wished:
        loaded = options.load()  # a file that is no good shows before a server is waited for
        asked = respondents(options, recorded_models(out), wished)
        try:
            found = evaluate_models(options, loaded, asked, out, progress, wished)
        except RunError as error:
            if wished():
                raise Stopped(str(error)) from None
            raise
        stopped = wished()
    finish(found, loaded, out, console, exports, stopped)


def _models(
    coder: Named,
    tester: str | None,
    model: str | None,
    key: str | None,
    end_token: Sequence[str] | None,
) -> dict[Role, Named]:
    if not tester:
        if model is not None or key is not None or end_token:
            raise ConfigError(
                "--tester-model, --tester-key and --tester-end-token belong to --tester"
            )
        return {Role.CODER: coder, Role.TESTER: coder}
    own = Named(tester, model, key, tuple(end_token or ()), key_option="--tester-key")
    return {Role.CODER: coder, Role.TESTER: own}


def _reasoning(
    coder: ReasoningMode | None, tester: ReasoningMode | None
) -> dict[Role, ReasoningMode]:
    begins = {Role.CODER: coder, Role.TESTER: tester or coder}
    return {role: mode for role, mode in begins.items() if mode is not None}
