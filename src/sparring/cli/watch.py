"""``sparring watch``: follow a run in the terminal until the run ends."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sparring.errors import RunError
from sparring.runs.rates import rates_line
from sparring.runs.text import one_line

if TYPE_CHECKING:
    from sparring.view.terminal.watch import Watched, WatchState

_GROUPS = 5
"""Groups of the newest step that are shown."""


def watch(
    run: Annotated[
        Path, typer.Argument(help="Directory of a run, which may begin after this command.")
    ],
    every: Annotated[
        float, typer.Option("--every", min=0.05, max=3600, help="Seconds between two updates.")
    ] = 1.0,
) -> None:
    """Follow a run: progress, curves, last groups, alarms and times.

    The command ends when the run ends, or by Ctrl-C.
    """
    from sparring.runs.evaluation import is_evaluation

    if run.exists() and not run.is_dir():
        raise RunError(f"{run}: is a file; name the directory of a run")
    if is_evaluation(run):
        raise RunError(f"{run}: is an evaluation, not a run; use sparring show {run}")
    try:
        watch_run(run, Console(), every)
    except KeyboardInterrupt:
        return


def watch_run(path: Path, console: Console, every: float) -> None:
    """Follow a run until it ends: as a screen in a terminal, as lines of text elsewhere."""
    from sparring.view.terminal.watch import Watched, WatchState

    watched = Watched(path)
    last_state: WatchState | None = None
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    if live:
        live.start()
    try:
        while True:
            steps, evaluations = watched.look()
            if live:
                live.update(screen(watched, console.width), refresh=True)
            else:
                for line in _lines(watched, steps, evaluations, last_state):
                    console.print(Text(line), soft_wrap=True)
            last_state = watched.state
            if watched.state is WatchState.FINISHED:
                return
            time.sleep(every)
    finally:
        if live:
            live.stop()


def screen(watched: Watched, width: int) -> RenderableType:
    """Return everything known about the run, laid out for one screen of ``width`` columns."""
    from sparring.view.terminal.overview import alarm_lines, curves_table, recipe_line

    parts: list[RenderableType] = [
        Text(one_line(str(watched.path), 120), "bold"),
        Text(_state_text(watched)),
    ]
    if watched.source:
        parts.append(Text(recipe_line(watched.source)))
        parts.append(_bar(watched))
    records = watched.metrics.records
    if records:
        parts.append(curves_table(records, width))
    if watched.evaluations.records:
        parts.append(Text(_evaluation_line(watched.evaluations.records[-1])))
    if phases := watched.phases():
        seconds = ", ".join(f"{one_line(k, 20)} {v:.2f}" for k, v in phases.items())
        parts.append(Text(f"seconds per step: {seconds}", "dim"))
    if rates := rates_line(watched.rates()):
        parts.append(Text(rates, "dim"))
    if (groups := _last_groups(watched)) is not None:
        parts.append(groups)
    parts += alarm_lines(records[-1]) if records else []
    return Group(*parts)


def _heading(watched: Watched) -> str:
    path = one_line(str(watched.path), 120)
    return f"{path}: {_state_text(watched)}"


def _state_text(watched: Watched) -> str:
    from sparring.view.terminal.watch import WatchState

    path = one_line(str(watched.path), 120)
    return {
        WatchState.WAITING: "no files of a run yet; waiting for the run to begin",
        WatchState.RUNNING: "running",
        WatchState.STOPPED: f"stopped: its process ended before the run did; continue with "
        f"sparring train --resume --run-dir {path} (still watching)",
        WatchState.FINISHED: "finished",
    }[watched.state]


def _bar(watched: Watched) -> RenderableType:
    share = watched.share()
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        f"step {watched.step}",
        ProgressBar(total=1.0, completed=share, width=30),
        ", ".join(filter(None, [f"{share:.0%}", watched.left()])),
    )
    return bar


def _evaluation_line(record: Mapping[str, Any]) -> str:
    """Return the main figures of an evaluation in one line."""
    from sparring.runs.labels import metric_labels

    metrics = record["metrics"]
    wanted = [
        k
        for k in metric_labels(metrics)
        if k in ("pass@1", "unit_test_accuracy") or k.startswith(("bon_", "pool_bon_"))
    ]
    figures = [
        f"{one_line(metric_labels(metrics)[k], 40)} {100 * mean:.1f}%"
        for k in wanted
        if (mean := metrics[k].get("mean")) is not None
    ]
    return f"held-out, step {record['step']}: {', '.join(figures)}"


def _last_groups(watched: Watched) -> Table | None:
    """Return a table of the first groups of the newest recorded step, or None without groups."""
    from sparring.schema import Role
    from sparring.view.terminal.step import rewards_of

    rows = watched.newest_groups(_GROUPS)
    if not rows:
        return None
    table = Table(box=None, padding=(0, 1))
    table.add_column(f"step {watched.newest}", no_wrap=True)
    for name in ("programs", "tests"):
        table.add_column(f"{name} right", justify="right")
    table.add_column("coder's rewards", no_wrap=True)
    table.add_column("tester's rewards", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(one_line(row.task, 20)),
            "{}/{}".format(*row.correct),
            "–" if row.right is None else "{}/{}".format(*row.right),
            *(rewards_of(row, role) for role in Role),
        )
    return table


def _lines(
    watched: Watched,
    steps: Sequence[Mapping[str, Any]],
    evaluations: Sequence[Mapping[str, Any]],
    last_state: WatchState | None,
) -> list[str]:
    """Return one line for each new state, evaluation, step and alarm."""
    from sparring.training.monitoring.alarms import new_alarms
    from sparring.view.terminal.watch import WatchState

    lines = []
    if watched.state is not last_state and watched.state is not WatchState.FINISHED:
        lines.append(_heading(watched))
    lines += [_evaluation_line(e) for e in evaluations]
    records = watched.metrics.records
    for record in steps:
        parts = [f"step {record['step']}: {_shares_line(record)}"]
        if record is steps[-1] and watched.state is WatchState.RUNNING:
            parts.append(watched.left())  # an older step's time has passed
        lines.append(", ".join(filter(None, parts)))
        earlier = [r for r in records if r["step"] < record["step"]]
        for alarm in new_alarms(record.get("alarms", ()), earlier):
            monitor, reason = (
                one_line(str(alarm["monitor"]), 40),
                one_line(str(alarm["reason"]), 400),
            )
            lines.append(f"step {record['step']}: alarm {monitor}: {reason}")
    if watched.state is WatchState.FINISHED:
        lines.append(_heading(watched))
    return lines


def _shares_line(record: Mapping[str, Any]) -> str:
    names = {
        "pass@1": "programs right",
        "tests_right": "tests right",
        "groups_dropped": "groups dropped",
    }
    return ", ".join(
        f"{label} {100 * record[k]:.0f}%" for k, label in names.items() if record.get(k) is not None
    )
