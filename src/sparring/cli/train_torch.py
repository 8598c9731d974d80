"""The work of `sparring train`: open the run, train it, and print how the run ended.

`cli/train.py` imports this module only when the command is called, because it needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sparring.cli.report import eval_command, report_command
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.schedule import run_schedule
from sparring.errors import explained
from sparring.learner.distributed.context import DistributedContext
from sparring.runs.directory import RunDir
from sparring.runs.progress import RunProgress
from sparring.runs.reader import EVALUATIONS, METRICS
from sparring.training.launch import (
    Launch,
    carried_out,
    ended,
    new_run,
    replayed_run,
    resumed_run,
)
from sparring.training.loop import train
from sparring.training.memory import enough_memory
from sparring.training.monitoring.alarms import learned_nothing
from sparring.training.planning.derived import derived_quantities
from sparring.training.planning.dryrun import dry_run
from sparring.training.planning.fits import memory_lines, refuse_impossible, refuse_too_large
from sparring.training.replay import replay
from sparring.training.state.follower import follow
from sparring.view.plots.curves import plot_curves
from sparring.view.terminal.tables import closing_table, show, size_table


def follow_leader(context: DistributedContext) -> None:
    """Take part in the first process's training, as another process, until the run ends."""
    with context.taking_part(), context.loss_told(), enough_memory():
        follow(context)


def open_launch(
    path: Path,
    recipe: Path | None,
    changes: Sequence[str],
    resume: bool,
    replay: Path | None,
    from_step: int,
) -> Launch:
    """Return the new, resumed or replayed run, with its directory open and locked."""
    if resume:
        wanted = load_recipe(recipe, changes) if recipe else None
        return resumed_run(path, wanted, changes)
    if replay:
        return replayed_run(path, replay, from_step, recipe, changes)
    return new_run(path, load_recipe(recipe or NANO_RECIPE, changes))


def lead(launch: Launch, context: DistributedContext) -> None:
    """Train the run in the first process. Where the run ends early, the error says how to resume.

    Raises `SparringError`; Ctrl-C raises `Stopped`.
    """
    with carried_out(launch, context):
        _train(launch, context)


def print_dry_run(recipe: Path | None, changes: Sequence[str], path: Path) -> None:
    """Print the recipe's derived quantities, then check everything that a run will need."""
    resolved = load_recipe(recipe or NANO_RECIPE, changes)
    console = Console()
    for name, value in derived_quantities(resolved).items():
        console.print(Text(f"  {name}: {value}"), soft_wrap=True)
    refuse_impossible(resolved)
    refuse_too_large(resolved)
    console.print(Text("\n".join(f"  {line}" for line in memory_lines(resolved))), soft_wrap=True)
    warnings = 0
    with enough_memory():
        for check in dry_run(resolved, path):
            mark = Text("! ", "yellow") if check.warning else Text("✓ ", "green")
            console.print(mark + Text(f"{check.name}: {check.text}"), soft_wrap=True)
            warnings += check.warning
    console.print(f"ready to train{f'; warnings (!): {warnings}' if warnings else ''}")


def _train(launch: Launch, context: DistributedContext) -> None:
    run, recipe = launch.run, launch.recipe
    console = Console()
    console.print(Text(f"run directory: {run.path}"), soft_wrap=True)
    schedule = run_schedule(recipe, replayed=launch.source is not None)
    progress = RunProgress(schedule, len(run.jsonl("metrics.jsonl")), console)
    if ended(recipe, run):
        console.print("the run is finished; there is nothing to continue", soft_wrap=True)
        # The process may have been killed after the last step and before it drew the curves.
        if not (launch.source or run.has("curves.png")):
            _draw_curves(run)
        return
    refuse_impossible(recipe)
    if warning := refuse_too_large(recipe, context.size):
        console.print(Text(f"warning: {warning}"), soft_wrap=True)
    if launch.source:
        summary = replay(recipe, launch.source, run, progress, launch.from_step, context)
        same = {True: "the same as", False: "other than", None: "not comparable with"}
        message = (
            f"steps {launch.from_step + 1} to {summary['steps']} replayed in "
            f"{summary['wall_seconds']:.0f} s; the weights are "
            f"{same[summary['same_weights']]} those of {summary['replayed']}\n"
            f"figures: {run.path / 'metrics.jsonl'}"
        )
    else:
        summary = train(recipe, run, progress, context)
        _draw_curves(run)
        show(
            console,
            closing_table(summary["before"], summary["after"], summary["differences"]),
            size_table(summary["sizes"]["before"], summary["sizes"]["after"]),
        )
        message = (
            f"{summary['steps']} steps, {summary['tokens']:,} tokens, "
            f"{summary['train_seconds']:.0f} s of steps, {summary['wall_seconds']:.0f} s in all\n"
            f"figures: {run.path / 'summary.json'}   curves: {run.path / 'curves.svg'}"
        )
    if learned_nothing(run.jsonl("metrics.jsonl")):
        message += (
            "\nno step learned anything: no response carried gradient; `dropped` and "
            f"`truncated_share` in {run.path / 'metrics.jsonl'} say why"
        )
    if (checkpoint := run.newest_checkpoint()) is not None:
        command = eval_command(run.path, checkpoint, recipe)
        message += f"\nthe model: {checkpoint}\nto measure it on tasks: {command}"
    message += f"\nto see the run in a browser: {report_command(run.path)}"
    console.print(Text(message), soft_wrap=True)


def _draw_curves(run: RunDir) -> None:
    with explained(run.path):
        plot_curves(run.jsonl(EVALUATIONS), run.jsonl(METRICS), run.path / "curves")
