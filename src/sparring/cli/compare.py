"""``sparring compare``: the paired differences between two evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.evaluation.compare import EvaluationComparison, compare, read_evaluation
from sparring.runs.labels import PLAIN, figure_labels, interval
from sparring.text import visible
from sparring.view.terminal.tables import figure_table, show


def compare_command(
    before: Annotated[
        Path, typer.Argument(metavar="A", help="Directory of the evaluation to compare with.")
    ],
    after: Annotated[
        Path, typer.Argument(metavar="B", help="Directory of an evaluation of the same tasks.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare two evaluations of the same tasks, paired by task."""
    a, b = read_evaluation(before), read_evaluation(after)
    comparison = compare(a, b)
    if as_json:
        typer.echo(json.dumps(comparison.as_dict(), indent=1))
        return
    console = Console()
    for name, path in (("A", before), ("B", after)):
        console.print(Text(visible(f"{name}: {path}")), soft_wrap=True)
    show(console, _difference_table(comparison))
    for note in comparison.notes:
        console.print(Text(visible(f"note: {note}")), soft_wrap=True)


def _difference_table(comparison: EvaluationComparison) -> Table:
    return figure_table(
        f"A → B over {comparison.tasks} tasks (95% intervals, clustered by task)",
        ("figure", "A", "B", "B − A (paired)"),
        (
            (
                Text(visible(label)),
                interval(line.before.as_dict(), name in PLAIN),
                interval(line.after.as_dict(), name in PLAIN),
                interval(line.difference.as_dict(), name in PLAIN, sign=True),
            )
            for name, label in figure_labels(comparison.lines.keys()).items()
            for line in (comparison.lines[name],)
        ),
    )
