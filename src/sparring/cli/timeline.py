"""``sparring timeline``: where the time of a run's steps went."""

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
from sparring.runs.timeline import WORK, Account, Phase, account_from
from sparring.view.terminal.tables import show


def timeline(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="A-B", help="These steps; default all.")
    ] = None,
) -> None:
    """Where the time went: seconds and share of each phase of a run's steps and evaluations."""
    source = open_run(run)
    records = source.jsonl(TIMELINE)
    with well_formed(f"{run}: {TIMELINE}"):
        wanted = step_range(steps) or range(1, 1 << 62)
        made = [account_from(r) for r in records if _of(wanted, r)]
        evaluated = [account_from(r) for r in records if "evaluation" in r]
    if not made:
        which = "no step" if steps is None else f"no step of {steps}"
        raise RunError(f"{run}: {TIMELINE} has {which}; it is written as steps are made")
    rates = mean_rates(t for t in source.jsonl(TIMING) if _of(wanted, t))
    console = Console()
    show(console, table(f"{len(made)} steps", made))
    if rates:
        console.print(Text(f"means over steps: {rates_line(rates)}"), soft_wrap=True)
    if evaluated and steps is None:
        show(console, table(f"{len(evaluated)} evaluations", evaluated))
    console.print(
        Text(
            "share: of the time, with whatever went on beside it; alone: with nothing beside it. "
            f"other: nothing of {', '.join(p for p in Phase if p in WORK)}."
        ),
        soft_wrap=True,
    )


def table(title: str, accounts: Sequence[Account]) -> Table:
    """Seconds of each phase, on average, and their shares of the whole."""
    whole = sum(a.seconds for a in accounts)
    found = Table(title=f"{title}, {whole:.1f} s: {whole / len(accounts):.2f} s each")
    found.add_column("phase")
    for name in ("seconds", "share", "alone"):
        found.add_column(name, justify="right")
    going, alone = _sum([a.phases() for a in accounts]), _sum([a.alone() for a in accounts])
    for phase in Phase:
        if phase in going:
            found.add_row(
                phase.value,
                f"{going[phase] / len(accounts):.3f}",
                _percent(going[phase], whole),
                _percent(alone.get(phase, 0.0), whole),
            )
    other = sum(a.other_share() * a.seconds for a in accounts)
    found.add_section()
    found.add_row("other", f"{other / len(accounts):.3f}", _percent(other, whole), "")
    return found


def _sum(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    names = {name for part in parts for name in part}
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def _percent(seconds: float, whole: float) -> str:
    return f"{100 * seconds / whole:.1f}%" if whole else "–"


def _of(wanted: range, record: Mapping[str, Any]) -> bool:
    """Whether a record is of one of these steps. An evaluation's has none; a range is searched to
    its end for what is no int."""
    step = record.get("step")
    return isinstance(step, int) and step in wanted
