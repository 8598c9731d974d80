"""``sparring report``: one or more runs as a page for the browser."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring.config.recipe import Recipe
from sparring.policy.settings import Adapters
from sparring.schema import Role
from sparring.text import visible


def next_command(run: Path) -> str:
    """The command that shows a run, as it can be typed in the shell that started this process."""
    return f"{_program()} report {shlex.quote(str(run))}"


def measuring_command(run: Path, checkpoint: Path, recipe: Recipe) -> str:
    """The command that measures what a run has trained on its held-out tasks."""
    words = [*recipe.tasks.held_out, "--coder", str(run)]
    if recipe.model.adapters is Adapters.PER_ROLE:  # a checkpoint holds a model for each
        places = [str(checkpoint / role) for role in Role]
        words[-1:] = [places[0], "--tester", places[1], "--prompts", str(run)]
    return " ".join([_program(), "eval", *map(shlex.quote, [*words, "--out", f"{run}-eval"])])


def _program() -> str:
    started = Path(sys.argv[0])
    if started.name != "sparring":
        program = "python -m sparring.cli"
    elif shutil.which("sparring") == str(started.absolute()):
        program = "sparring"
    else:
        program = shlex.quote(str(started))
    return program


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories; several side by side.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file; default report.html (--full: a folder)."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="A folder with every group, a page for each step.")
    ] = False,
) -> None:
    """Show runs in the browser: curves, groups, pass matrices, why a reward was what it was."""
    from sparring.view.html.pages import write_file, write_folder

    if full:
        made = write_folder(runs, out or Path("report"))
    else:
        made = write_file(runs, out or Path("report.html"))
    console = Console()
    for note in dict.fromkeys(made.notes[:10]):
        console.print(Text(f"note: {visible(note)}"), soft_wrap=True)
    kept = (
        "all with their matrix"
        if made.detailed == made.groups
        else f"{made.detailed:,} with their matrix (--full keeps all)"
    )
    console.print(
        Text(
            f"{visible(str(made.path))}: {made.size / 1e6:.1f} MB, {made.groups:,} "
            f"group{'' if made.groups == 1 else 's'}, {kept}. "
            "Open it in a browser."
        ),
        soft_wrap=True,
    )
