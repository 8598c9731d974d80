"""The end of an evaluation on the terminal: its files, its tables, what is wanting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sparring.errors import Stopped, explained
from sparring.evaluation import report
from sparring.evaluation.directory import Found
from sparring.evaluation.export import Export, export
from sparring.runs.reader import RunReader
from sparring.schema import Task
from sparring.view.terminal.tables import show


class Incomplete(Stopped):
    """Responses are missing; the figures that there are have been written."""

    exit_code = 1


def finish(
    found: Found,
    tasks: Sequence[Task],
    out: Path,
    console: Console,
    exports: Sequence[Export],
    stopped: bool,
) -> None:
    """Write what people read, print it, and export. Raises `Stopped` where something is wanting."""
    with explained(out):
        (out / "eval.md").write_text(report.markdown(found.record), encoding="utf-8")
        (out / "card.md").write_text(report.card(found.record), encoding="utf-8")
    show(console, *report.tables(found.record))
    lines = [*report.lines(found.record), f"figures: {out / 'eval.json'}, eval.md, card.md"]
    lines += [export(RunReader(out), tasks, to) for to in exports]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    if found.complaint:
        raise Stopped(found.complaint) if stopped else Incomplete(found.complaint)
