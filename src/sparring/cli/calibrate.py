"""``sparring calibrate``: fit on one's own evaluations how sure a choice is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.common import ForceOption, check_file, file_at, write_new

if TYPE_CHECKING:
    from sparring.metrics.reliability import Reliability


def calibrate(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Directories of evaluations by sparring eval.")
    ],
    out: Annotated[Path, typer.Option("--out", help="JSON file to write the calibration to.")],
    force: ForceOption = False,
) -> None:
    """Fit on labelled evaluations the probability that a chosen program is right.

    Prints how reliable the probability is on tasks that were not used to fit it. The file is for
    `sparring solve --calibration`.
    """
    from sparring.evaluation.calibrate import FOLDS
    from sparring.evaluation.calibrate import calibrate as calibrate_on

    check_file("--out", out, force)
    own = calibrate_on(evaluations)
    console = Console()
    title = f"Reliability on held-out tasks ({FOLDS} parts)"
    console.print(_bins(own.held_out, title), _surest(own.held_out))
    for line in (
        f"{own.held_out.choices:,} choices of {own.held_out.tasks:,} tasks; {own.silent:,} more "
        "had no value on any input, and no probability",
        _line("this calibration, held-out tasks", own.held_out),
        _line("the shipped calibration, same choices", own.shipped),
    ):
        console.print(Text(line), soft_wrap=True)
    if own.held_out.brier >= own.shipped.brier:
        console.print(
            Text(
                "the shipped calibration serves these tasks better: solve without --calibration, "
                "or calibrate on more tasks"
            ),
            soft_wrap=True,
        )
    with file_at(out, force) as path:
        write_new(path, json.dumps(own.calibration.record(), indent=1) + "\n")
    console.print(Text(f"calibration: {out}"), soft_wrap=True)


def _line(name: str, r: Reliability) -> str:
    return (
        f"{name}: calibration error {100 * r.ece:.1f} points, AUC {r.auc:.2f}, Brier score "
        f"{r.brier:.3f} (a constant: {r.brier_constant:.3f})"
    )


def _bins(r: Reliability, title: str) -> Table:
    table = Table(title=title)
    for name in ("stated", "choices", "tasks", "mean stated", "right", "stated − right"):
        table.add_column(name, justify="right")
    for b in r.bins:
        d = b.difference
        span = f" [{100 * d.low:+.0f}, {100 * d.high:+.0f}]" if d.n_tasks > 1 else ""
        table.add_row(
            f"{100 * b.low:.0f}–{100 * b.high:.0f}%",
            f"{b.choices:,}",
            f"{b.tasks:,}",
            f"{100 * b.stated:.0f}%",
            f"{100 * b.true:.0f}%",
            f"{100 * d.mean:+.0f}{span}",
        )
    return table


def _surest(r: Reliability) -> Table:
    table = Table(title="If the others abstain")
    for name in ("surest", "stated at least", "right"):
        table.add_column(name, justify="right")
    for part, least, right in r.surest:
        table.add_row(f"{100 * part:.0f}%", f"{100 * least:.0f}%", f"{100 * right:.0f}%")
    return table
