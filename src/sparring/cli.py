"""The command line. Imports what a command needs only when it is called."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring import __version__
from sparring.errors import ConfigError, SparringError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Co-evolve an LLM coder and an LLM unit tester.",
)
microworld_app = typer.Typer(no_args_is_help=True, help="The embedded tasks and nano model.")
app.add_typer(microworld_app, name="microworld")

RecipeArgument = Annotated[
    Path | None, typer.Argument(help="A TOML recipe; without it, the nano recipe of the package.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one field.")
]


@app.command()
def train(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Where the run is kept; default runs/DATE.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run-dir.")
    ] = False,
) -> None:
    """Train both roles, with evaluations before, during and after."""
    from sparring.config import NANO_RECIPE, Recipe, load_recipe
    from sparring.runs.directory import RunDir

    if resume and run_dir is None:
        raise ConfigError("--resume needs --run-dir: which run is to go on?")
    if resume and (recipe or change):
        raise ConfigError("--resume goes on with the recipe in the run; leave out RECIPE and --set")
    path = run_dir or Path("runs") / datetime.now().strftime("%Y-%m-%d-%H%M%S")
    if resume:
        run = RunDir.open(path)
        resolved = Recipe.model_validate(run.read_json("recipe.json"))
    else:
        resolved = load_recipe(recipe or NANO_RECIPE, change or ())
        run = RunDir.create(path)
        run.write_json("recipe.json", resolved.model_dump(mode="json"))
    try:
        _train(resolved, run, resume)
    except SparringError:
        run.discard_unused()
        raise
    finally:
        run.close()


def _train(recipe: object, run: object, resume: bool) -> None:
    from sparring.config import Recipe
    from sparring.runs.directory import RunDir
    from sparring.runs.progress import Progress
    from sparring.runs.tables import closing_table, show, size_table
    from sparring.train import train as train_loop

    assert isinstance(recipe, Recipe)
    assert isinstance(run, RunDir)
    console = Console()
    console.print(Text(f"run directory: {run.path}"), soft_wrap=True)
    done = len(run.lines("metrics.jsonl")) if resume else 0
    progress = Progress(recipe.training.steps, done, console)
    summary = train_loop(recipe, run, progress)
    show(
        console,
        closing_table(summary["before"], summary["after"], summary["differences"]),
        size_table(summary["sizes"]["before"], summary["sizes"]["after"]),
    )
    console.print(
        Text(
            f"{summary['steps']} steps, {summary['tokens']:,} tokens, "
            f"{summary['train_seconds']:.0f} s of steps, {summary['wall_seconds']:.0f} s in all\n"
            f"figures: {run.path / 'summary.json'}   curves: {run.path / 'curves.svg'}"
        ),
        soft_wrap=True,
    )


@app.command()
def config(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    fields: Annotated[bool, typer.Option("--fields", help="Say what every field means.")] = False,
) -> None:
    """Print the resolved recipe and what it amounts to per training step."""
    from sparring.config import NANO_RECIPE, describe_fields, load_recipe, to_toml
    from sparring.derived import derived_quantities

    if fields:
        typer.echo(describe_fields())
        return
    resolved = load_recipe(recipe or NANO_RECIPE, change or ())
    typer.echo(to_toml(resolved))
    typer.echo("# what this amounts to")
    for name, value in derived_quantities(resolved).items():
        typer.echo(f"#   {name}: {value}")


@microworld_app.command("build")
def microworld_build(
    out: Annotated[Path, typer.Option("--out", help="Directory for the checkpoint.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
) -> None:
    """Rebuild the nano model from nothing (about 15 minutes on two cores)."""
    from sparring.microworld.build import WarmStart, build

    build(out, WarmStart(seed=seed))


@microworld_app.command("tasks")
def microworld_write_tasks(
    out: Annotated[Path, typer.Option("--out", help="A JSONL file to write.")],
    split: Annotated[str, typer.Option("--split", help="warm, train, validation, held_out")],
    count: Annotated[int, typer.Option("--count", min=1)] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
) -> None:
    """Write microworld tasks to a file in the field names of the CURE data sets."""
    from sparring.microworld.problem import Split
    from sparring.microworld.tasks import microworld_tasks
    from sparring.tasks.load import dump_tasks

    if split not in list(Split):
        raise ConfigError(f"--split {split}: there are {', '.join(Split)}")
    dump_tasks(microworld_tasks(Split(split), count, seed), out)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point: a user's mistake is one line on standard error, not a traceback."""
    # Before torch is loaded: threads that wait by spinning take the cores from the sandbox and,
    # beside a busy neighbour, slow themselves down several times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except SparringError as error:
        Console(stderr=True).print(Text(f"sparring: {error}", style="red"), soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("sparring: stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
