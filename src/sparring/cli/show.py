"""``sparring show``: a run in the terminal, one screen at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sparring.errors import ConfigError, well_formed

if TYPE_CHECKING:
    from sparring.view.source import Source

SCREEN = 40
"""Groups of a step that are listed without ``--all``."""


def show(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    step: Annotated[
        int | None, typer.Option("--step", min=0, help="The groups of this step; default: newest.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="ID",
            help="Its pass matrix: a task's id, the beginning of it, or its number in the step.",
        ),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option("--program", metavar="J", help="Of that task: program J (P0, opponent O0)."),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="K",
            help="Test K (U0; ground truth G0, withheld H0). With --program: that cell.",
        ),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="The rewards in numbers and words, term by term.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Cut nothing to one screen.")] = False,
) -> None:
    """Look at a run: at a glance, by step, task, program or test, and why a reward is so."""
    from sparring.view.source import open_source
    from sparring.view.terminal.overview import show_overview
    from sparring.view.terminal.step import show_step

    if task is None and (why or program is not None or test is not None):
        raise ConfigError("--program, --test and --why are of one task: give --task ID")
    if why and program is not None and test is not None:
        raise ConfigError("--why explains a program or a test: give one of --program and --test")
    found, console = open_source(run), Console()
    if task is not None:
        _group(found, step, task, (program, test), why, everything, console)
    elif step is not None:
        show_step(found, found.step(step), console, None if everything else SCREEN)
    else:
        show_overview(found, console)


def _group(
    source: Source,
    step: int | None,
    task: str,
    names: tuple[str | None, str | None],
    why: bool,
    everything: bool,
    console: Console,
) -> None:
    from sparring.view.source import find, usage_of
    from sparring.view.terminal.detail import show_cell, show_program, show_test
    from sparring.view.terminal.matrix import show_group
    from sparring.view.terminal.names import program_name, test_name
    from sparring.view.terminal.reasons import explained, show_all_why, show_why

    found = find(source, task, step)
    with well_formed(f"{source.run.path}: rollouts of step {found.step}, group {found.index}"):
        program = program_name(names[0], found.record) if names[0] is not None else None
        test = test_name(names[1], found.record) if names[1] is not None else None
        usage = usage_of(source, found) if program or test else {}
        if program and test:
            show_cell(found, program, test, usage, console, everything)
        elif program or test:
            if why:
                one = program or test
                assert one is not None
                show_why(explained(source, found), one, console)
            elif program:
                show_program(found, program, usage, console, everything)
            elif test:
                show_test(found, test, usage, console, everything)
        else:
            show_group(found, console, everything)
            if why:
                show_all_why(explained(source, found), console, everything)
