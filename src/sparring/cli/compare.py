"""``sparring compare``: the paired differences between two evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.evaluation.compare import EvaluationComparison, compare, read_evaluation
from sparring.runs.choice_blocks import choice_blocks, plain_names, tokens_of
from sparring.runs.labels import PLAIN, figure_labels, interval
from sparring.text import visible
from sparring.view.terminal.tables import figure_table, grouped_rows, show

_COLUMNS = ("A", "B", "B − A (paired)")


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
    show(console, *_difference_tables(comparison, a, b))
    for note in comparison.notes:
        console.print(Text(visible(f"note: {note}")), soft_wrap=True)


def _difference_tables(
    comparison: EvaluationComparison, a: Mapping[str, Any], b: Mapping[str, Any]
) -> list[Table]:
    """Return a table of the figures, and one of the rules of selection for each scale."""
    names = comparison.lines.keys()
    title = f"A → B over {comparison.tasks} tasks (95% intervals, clustered by task)"
    cells = partial(_cells, comparison)
    plain = grouped_rows(figure_labels(plain_names(names)), cells)
    shown = [figure_table(title, ("figure", *_COLUMNS), plain)]
    for block in choice_blocks(names):
        tokens = [tokens_of(record, block) for record in (a, b)]
        title = block.title(*([] if None in tokens else tokens))
        rows = ((Text(visible(label)), *cells(name)) for name, label in block.labels.items())
        shown.append(figure_table(title, ("chosen by", *_COLUMNS), rows))
    return shown


def _cells(comparison: EvaluationComparison, name: str) -> tuple[str, str, str]:
    """Return a figure of A and of B, and the difference."""
    line, plain = comparison.lines[name], name in PLAIN
    return (
        interval(line.before.as_dict(), plain),
        interval(line.after.as_dict(), plain),
        interval(line.difference.as_dict(), plain, sign=True),
    )
