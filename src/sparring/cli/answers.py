"""``sparring eval --answers``: grade answers made elsewhere, without asking a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from sparring.cli.figures import finish
from sparring.errors import ConfigError
from sparring.evaluation.answers.grade import answers_to_grade, grade
from sparring.evaluation.export import Export
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress


def grade_answers(
    options: EvalOptions,
    files: Sequence[Path],
    out: Path,
    console: Console,
    exports: Sequence[Export],
) -> None:
    """Grade the answers in ``files``, write the evaluation to ``out`` and print its figures.

    Raises `SparringError`.
    """
    loaded = options.load()
    answers = answers_to_grade(options, loaded, files)
    for note in answers.matched.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    with EvaluationProgress(console) as progress:
        evaluation = grade(answers, out, progress)
    finish(evaluation, loaded, out, console, exports, stopped=False)


_ALLOWED = (
    *("tasks", "answers", "out", "scale", "prompts", "mutants", "checker", "max_tests"),
    *("limit_tasks", "cache", "workers", "level", "export", "packages", "packages_from"),
)
"""Parameters that have a meaning without a model. ``--prompts`` gives the reasoning marks."""


def check_alone(context: typer.Context) -> None:
    """Raise `ConfigError` for options that only matter where a model is asked."""
    refused = [
        option.opts[0]
        for option in context.command.params
        if option.name not in _ALLOWED and _typed(context, str(option.name))
    ]
    if refused:
        raise ConfigError(
            f"{', '.join(refused)}: cannot be given with --answers, which asks no model and grades "
            "every answer of a file; leave these options out"
        )


def _typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
