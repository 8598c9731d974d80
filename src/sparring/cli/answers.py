"""``sparring eval --answers``: answers that were made elsewhere, without asking a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from sparring.cli.figures import finish
from sparring.errors import ConfigError
from sparring.evaluation.elsewhere.grade import given, grade
from sparring.evaluation.export import Export
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import Progress


def grade_answers(
    options: EvalOptions,
    files: Sequence[Path],
    out: Path,
    console: Console,
    exports: Sequence[Export],
) -> None:
    """Grade the answers of ``files``, without asking a model. Raises `SparringError`."""
    loaded = options.load()
    answers = given(options, loaded, files)
    for note in answers.matched.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    with Progress(console) as progress:
        found = grade(answers, out, progress)
    finish(found, loaded, out, console, exports, stopped=False)


_TAKEN = (
    *("tasks", "answers", "out", "scale", "prompts", "mutants", "checker", "max_tests"),
    *("limit_tasks", "cache", "workers", "level", "export", "packages", "packages_from"),
)
"""Parameters that have a meaning without a model; of ``--prompts`` the marks of reasoning."""


def check_alone(context: typer.Context) -> None:
    """Refuse options that are about asking a model. Raises `ConfigError`."""
    more = [
        option.opts[0]
        for option in context.command.params
        if option.name not in _TAKEN and _typed(context, str(option.name))
    ]
    if more:
        raise ConfigError(
            f"{', '.join(more)}: cannot be given with --answers, which asks no model; all answers "
            "of a file count"
        )


def _typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
