"""The end of an evaluation: write its readable files, print its tables, report what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sparring.errors import Stopped
from sparring.evaluation import report
from sparring.evaluation.directory import MeasuredEvaluation, write_readable
from sparring.evaluation.export import Export, export
from sparring.runs.reader import RunReader
from sparring.schema import Task
from sparring.view.terminal.tables import show


class ResponsesMissing(Stopped):
    """Raised when responses are missing. The figures of the other responses have been written."""

    exit_code = 1


def finish(
    evaluation: MeasuredEvaluation,
    tasks: Sequence[Task],
    out: Path,
    console: Console,
    exports: Sequence[Export],
    stopped: bool,
) -> None:
    """Write `eval.md` and `card.md`, print the tables, and write the exports.

    Raises `Stopped` where a stopped evaluation lacks responses, `ResponsesMissing` where another
    does.
    """
    record, complaint = evaluation.record, evaluation.complaint
    write_readable(record, out)
    show(console, *report.tables(record))
    lines = [*report.lines(record), f"figures: {out / 'eval.json'}, eval.md, card.md"]
    lines += [export(RunReader(out), tasks, to) for to in exports]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    if complaint:
        raise Stopped(complaint) if stopped else ResponsesMissing(complaint)
