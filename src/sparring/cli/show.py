"""``sparring show``: show a run in the terminal, one screen at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sparring.errors import ConfigError, well_formed

if TYPE_CHECKING:
    from sparring.view.source import RunSource

SCREEN = 40
"""Most groups of a step that are listed without ``--all``."""


def show(
    run: Annotated[
        Path,
        typer.Argument(help="Directory of a run, an evaluation or a session of sparring solve."),
    ],
    step: Annotated[
        int | None,
        typer.Option(
            "--step",
            min=0,
            help="Show the groups of this step; with --task by default the newest step that has "
            "the task.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="ID",
            help="Show the pass matrix of a task; ID is the task's id, the beginning of its id, or "
            "its number in the step.",
        ),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(
            "--program",
            metavar="J",
            help="Show program J of that task: P0, …, or I0, … of the initial policy.",
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="K",
            help="Show test K of that task: generated U0, …, ground truth G0, …, hidden H0, …; "
            "of a session also example E0, …, input X0, …; with --program the cell of both.",
        ),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Explain the rewards term by term.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Print everything instead of one screen.")
    ] = False,
) -> None:
    """Show a run: its overview, or a step, task, program, test or cell, or a reward's terms."""
    from sparring.view.source import open_source
    from sparring.view.terminal.overview import show_overview
    from sparring.view.terminal.session import show_session
    from sparring.view.terminal.step import show_step

    if task is None and (why or program is not None or test is not None):
        raise ConfigError("--program, --test and --why are of one task; give --task ID")
    if why and program is not None and test is not None:
        raise ConfigError("--why explains a program or a test; give one of --program and --test")
    source, console = open_source(run), Console()
    if source.session and task is None:
        show_session(source, console, everything)
    elif task is not None:
        _show_group(source, step, task, (program, test), why, everything, console)
    elif step is not None:
        show_step(source, source.step(step), console, None if everything else SCREEN)
    else:
        show_overview(source, console)


def _show_group(
    source: RunSource,
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

    group = find(source, task, step)
    with well_formed(f"{source.run.path}: rollouts of step {group.step}, group {group.index}"):
        program = program_name(names[0], group.record) if names[0] is not None else None
        test = test_name(names[1], group.record) if names[1] is not None else None
        usage = usage_of(source, group) if program or test else {}
        if program and test:
            show_cell(group, program, test, usage, console, everything)
        elif program or test:
            if why:
                name = program or test
                assert name is not None
                show_why(explained(source, group), name, console)
            elif program:
                show_program(group, program, usage, console, everything)
            elif test:
                show_test(group, test, usage, console, everything)
        else:
            show_group(group, console, everything)
            if why:
                show_all_why(explained(source, group), console, everything)
