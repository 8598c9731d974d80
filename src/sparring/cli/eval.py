"""``sparring eval`` and ``sparring compare``: measuring models, and two of them against each other.

Torch is loaded only where a local model is evaluated.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.answers import check_alone, grade_answers
from sparring.cli.figures import finish
from sparring.cli.packages import Names, Place
from sparring.cli.packages import packages as packages_given
from sparring.config.load import load_recipe
from sparring.errors import ConfigError, RunError, Stopped
from sparring.evaluation.authors import Asking, Named, author, extra_fields
from sparring.evaluation.compare import Comparison, read_evaluation
from sparring.evaluation.compare import compare as compared
from sparring.evaluation.export import parse_export
from sparring.evaluation.plan import (
    USUAL_COUNT,
    USUAL_SCALES,
    Given,
    Plan,
    Protocol,
    prompts_of,
    scales_of,
    under,
)
from sparring.evaluation.progress import Progress
from sparring.evaluation.run import Bench, Cast, evaluate, recorded_models
from sparring.evaluation.trained import filled
from sparring.interrupt import stopping
from sparring.policy.chat.base import Author
from sparring.policy.chat.patience import Patience
from sparring.prompts.opening import ReasoningMode
from sparring.runs.labels import PLAIN, figure_labels, interval
from sparring.sandbox.types import Level
from sparring.schema import Role
from sparring.text import visible
from sparring.view.terminal.tables import show

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
    programs: Annotated[int, typer.Option("-n", min=1, help="Programs per task.")] = 16,
    tests: Annotated[int, typer.Option("-m", min=0, help="Tests per task; 0: only code.")] = 16,
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
    seed: Annotated[int, typer.Option(min=0, help="Of sampling; the tasks stay.")] = 0,
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
    ] = 20,
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
    attempts: Annotated[int, typer.Option(min=1, help="For a response of a server.")] = 10,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for a response.")] = 600.0,
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
    packages: Names = None,
    packages_from: Place = None,
) -> None:
    """Measure how well models write programs and tests: local ones or any at an API."""
    exports = [parse_export(text, out) for text in export or ()]
    if cache is not None and cache.resolve() == out.resolve():
        raise ConfigError("--cache: must be another directory than --out")
    given = packages_given(packages, packages_from)
    if answers:
        check_alone(context)
        alone = Plan(
            tuple(tasks),
            mutants=mutants,
            scales=(),
            max_tests=max_tests,
            limit_tasks=limit_tasks,
            checker=checker,
            prompts=prompts_of(prompts) if prompts else load_recipe(None).prompts,
        )
        scaled = scales_of(scale) if scale else None
        grade_answers(
            alone, answers, scaled, out, Bench(workers, level, cache, packages=given), exports
        )
        return
    if coder is None:
        raise ConfigError("--coder: name the model that is to be asked, or give --answers FILE")
    scales = scales_of(scale) if scale else _fitting(programs, tests)
    ends = tuple(end_token or ())
    models: dict[Role, Named] = {Role.CODER: Named(coder, coder_model, coder_key, ends)}
    models[Role.TESTER] = models[Role.CODER]
    if tester:
        own = tuple(tester_end_token or ())
        models[Role.TESTER] = Named(
            tester, tester_model, tester_key, own, key_option="--tester-key"
        )
    elif tester_model is not None or tester_key is not None or tester_end_token:
        raise ConfigError("--tester-model, --tester-key and --tester-end-token belong to --tester")
    begins = {Role.CODER: reasoning, Role.TESTER: tester_reasoning or reasoning}
    asked = filled(
        models,
        prompts_of(prompts) if prompts else None,
        Given(temperature, top_p, top_k, max_tokens, tuple(stop or ()), max_tests, checker),
        preset,
    )
    plan = under(
        preset,
        Plan(
            sources=tuple(tasks),
            programs=programs,
            tests=tests,
            mutants=mutants,
            scales=scales,
            seed=seed,
            limit_tasks=limit_tasks,
            prompts=asked.prompts or load_recipe(None).prompts,
            reasoning={role: mode for role, mode in begins.items() if mode is not None},
            tester_prompts=prompts_of(tester_prompts) if tester_prompts else None,
        ),
        asked.given,
    )
    named = asked.named
    patience = Patience(attempts=attempts)
    fields = extra_fields(extra or ())
    if (fields or rpm is not None) and not any(n.distant for n in named.values()):
        raise ConfigError("--extra and --rpm are for servers, and none is asked")
    console = Console()
    for line in asked.told:
        console.print(Text(line), soft_wrap=True)
    with Progress(console) as progress, stopping(_HEARD) as wished:
        loaded = plan.load()  # a file that is no good shows before a server is waited for
        cast = _cast(
            named,
            plan,
            recorded_models(out),
            concurrency,
            Asking(1, rpm, timeout, patience, fields, wished),
        )
        bench = Bench(workers, level, cache, token_budget, given)
        try:
            found = evaluate(plan, loaded, cast, out, bench, progress, wished)
        except RunError as error:
            if wished():
                raise Stopped(str(error)) from None
            raise
        stopped = wished()
    finish(found, loaded, out, console, exports, stopped)


def compare_command(
    before: Annotated[Path, typer.Argument(metavar="A", help="An evaluation.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another of the same tasks.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Compare two evaluations of the same tasks, paired by task."""
    a, b = read_evaluation(before), read_evaluation(after)
    found = compared(a, b)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1))
        return
    console = Console()
    show(console, _difference_table(found))
    for note in found.notes:
        console.print(Text(visible(f"note: {note}")), soft_wrap=True)


def _difference_table(found: Comparison) -> Table:
    table = Table(title=f"A → B over {found.tasks} tasks (95% intervals, clustered by task)")
    table.add_column("figure")
    for name in ("A", "B", "B − A (paired)"):
        table.add_column(name, justify="right")
    for name, label in figure_labels(found.lines.keys()).items():
        line, plain = found.lines[name], name in PLAIN
        table.add_row(
            Text(visible(label)),
            interval(line.before.as_dict(), plain),
            interval(line.after.as_dict(), plain),
            interval(line.difference.as_dict(), plain, sign=True),
        )
    return table


def _fitting(programs: int, tests: int) -> tuple[tuple[int, int], ...]:
    """The usual scales that there are responses for, and all of them."""
    if not tests:
        return ()
    usual = [(n, m) for n, m in scales_of(USUAL_SCALES) if n <= programs and m <= tests]
    return tuple(dict.fromkeys([*usual, (programs, tests)]))


def _cast(
    named: dict[Role, Named],
    plan: Plan,
    known: object,
    concurrency: int | None,
    asking: Asking,
) -> Cast:
    """The models; one that plays both roles once."""
    identities = known if isinstance(known, dict) else {}
    made: dict[Role, Author] = {}
    for role, one in named.items():
        alike = one == named[Role.CODER] and plan.prompts_for(role) == plan.prompts
        if role is Role.TESTER and (not plan.tests or alike):
            made[role] = made[Role.CODER]
            continue
        usual = 16 if one.distant else 64
        made[role] = author(
            one,
            replace(asking, concurrency=concurrency or usual),
            plan.prompts_for(role),
            plan.params.max_tokens,
            identities.get(role),
        )
    names = {}
    for role, one in named.items():
        model = made[role].identity.get("model")
        names[role] = f"{model} at {one.place}" if model else one.place
    return Cast(made, names)
