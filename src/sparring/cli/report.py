"""``sparring report``: write one or more runs as a page for the browser."""

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


def report_command(run: Path) -> str:
    """Return the command that shows ``run``, as the user's shell takes it."""
    return f"{_program()} report {shlex.quote(str(run))}"


def eval_command(run: Path, checkpoint: Path, recipe: Recipe) -> str:
    """Return the command that evaluates a run's trained model on the held-out tasks."""
    words = [*recipe.tasks.held_out, "--coder", str(run)]
    if recipe.model.adapters is Adapters.PER_ROLE:  # the checkpoint holds one model for each role
        coder, tester = (str(checkpoint / role) for role in Role)
        words[-1:] = [coder, "--tester", tester, "--prompts", str(run)]
    return " ".join([_program(), "eval", *map(shlex.quote, [*words, "--out", f"{run}-eval"])])


def _program() -> str:
    executable = Path(sys.argv[0])
    if executable.name != "sparring":
        program = "python -m sparring.cli"
    elif shutil.which("sparring") == str(executable.absolute()):
        program = "sparring"
    else:
        program = shlex.quote(str(executable))
    return program


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run directories; several runs are shown side by side."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file to write, by default report.html; with --full a folder, by default "
            "report.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Write a folder: a page for each step, every group.")
    ] = False,
) -> None:
    """Show runs in the browser: curves, groups, pass matrices, every reward explained."""
    from sparring.view.html.pages import write_file, write_folder

    if full:
        pages = write_folder(runs, out or Path("report"))
    else:
        pages = write_file(runs, out or Path("report.html"))
    console = Console()
    for note in dict.fromkeys(pages.notes[:10]):
        console.print(Text(f"note: {visible(note)}"), soft_wrap=True)
    matrices = (
        "all with their matrix"
        if pages.detailed == pages.groups
        else f"{pages.detailed:,} with their matrix (--full keeps all)"
    )
    console.print(
        Text(
            f"{visible(str(pages.path))}: {pages.size / 1e6:.1f} MB, {pages.groups:,} "
            f"group{'' if pages.groups == 1 else 's'}, {matrices}. "
            "Open it in a browser."
        ),
        soft_wrap=True,
    )
