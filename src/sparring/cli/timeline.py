"""``sparring timeline``: print how long each phase of a run's steps took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.common import step_range
from sparring.errors import RunError, well_formed
from sparring.runs.rates import mean_rates, rates_line
from sparring.runs.reader import TIMELINE, TIMING, open_run
from sparring.runs.timeline import WORK, Phase, PhaseAccount, account_from
from sparring.view.terminal.tables import figure_table, show


def timeline(
    run: Annotated[Path, typer.Argument(help="Directory of the run.")],
    steps: Annotated[
        str | None,
        typer.Option("--steps", metavar="A-B", help="The steps to count; by default all."),
    ] = None,
) -> None:
    """Show where the time went: seconds and share of each phase of steps and evaluations."""
    source = open_run(run)
    records = source.jsonl(TIMELINE)
    with well_formed(f"{run}: {TIMELINE}"):
        wanted = step_range(steps) or range(1, 1 << 62)
        of_steps = [account_from(r) for r in records if _of(wanted, r)]
        of_evaluations = [account_from(r) for r in records if "evaluation" in r]
    if not of_steps:
        which = "no step" if steps is None else f"no step of {steps}"
        raise RunError(f"{run}: {TIMELINE} has {which}; a run adds each step when it ends")
    rates = mean_rates(t for t in source.jsonl(TIMING) if _of(wanted, t))
    console = Console()
    show(console, table(f"{len(of_steps)} steps", of_steps))
    if rates:
        console.print(Text(f"means over steps: {rates_line(rates)}"), soft_wrap=True)
    if of_evaluations and steps is None:
        show(console, table(f"{len(of_evaluations)} evaluations", of_evaluations))
    console.print(
        Text(
            "share: part of the time in which the phase was at work; alone: part in which no other "
            f"phase was. other: none of {', '.join(p for p in Phase if p in WORK)} was at work."
        ),
        soft_wrap=True,
    )


def table(title: str, accounts: Sequence[PhaseAccount]) -> Table:
    """Return a table with each phase's mean seconds and its share of the whole time."""
    total = sum(a.seconds for a in accounts)
    phase_seconds, alone_seconds = (
        _sum([a.phases() for a in accounts]),
        _sum([a.alone() for a in accounts]),
    )
    rows = figure_table(
        f"{title}, {total:.1f} s: {total / len(accounts):.2f} s each",
        ("phase", "seconds", "share", "alone"),
        (
            (
                phase.value,
                f"{phase_seconds[phase] / len(accounts):.3f}",
                _percent(phase_seconds[phase], total),
                _percent(alone_seconds.get(phase, 0.0), total),
            )
            for phase in Phase
            if phase in phase_seconds
        ),
    )
    other = sum(a.other_share() * a.seconds for a in accounts)
    rows.add_section()
    rows.add_row("other", f"{other / len(accounts):.3f}", _percent(other, total), "")
    return rows


def _sum(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    names = {name for part in parts for name in part}
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def _percent(seconds: float, total: float) -> str:
    return f"{100 * seconds / total:.1f}%" if total else "–"


def _of(wanted: range, record: Mapping[str, Any]) -> bool:
    """Return whether a record is of one of these steps. An evaluation's record has no step."""
    step = record.get("step")
    # If the step were no int, `in` would walk through the whole range, which may be huge.
    return isinstance(step, int) and step in wanted
