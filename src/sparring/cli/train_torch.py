"""`sparring train` beneath its options: a run begun, led or helped along, and how it ends.

Imported only when the command is called: it needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sparring.cli.report import measuring_command, next_command
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import SparringError, Stopped, explained
from sparring.learner.distributed.world import World
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.runs.reader import EVALUATIONS, METRICS
from sparring.training.launch import Launch, ended, new_run, replayed_run, resumed_run
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


def helped(world: World) -> None:
    """Learn with the first process until the run ends."""
    with world.taking_part(), world.loss_told(), enough_memory():
        follow(world)


def launched(
    path: Path,
    recipe: Path | None,
    changes: Sequence[str],
    resume: bool,
    replay: Path | None,
    from_step: int,
) -> Launch:
    """The run that is asked for, its directory open and locked."""
    if resume:
        return resumed_run(path, recipe, changes)
    if replay:
        return replayed_run(path, replay, from_step, recipe, changes)
    return new_run(path, recipe, changes)


def lead(launch: Launch, world: World) -> None:
    """Make the run, and say how it is taken up where it ends early."""
    path = launch.run.path
    go_on = f"--resume --run-dir {path}"
    try:
        with (
            world.loss_told(f"; nothing is lost: go on with {go_on}"),
            enough_memory(f"; nothing is lost: add these to {go_on}"),
        ):
            _train(launch, world)
    except SparringError:
        launch.run.discard_unused()
        raise
    except KeyboardInterrupt:
        launch.run.discard_unused()
        again = f"; go on with {go_on}" if launch.run.has("recipe.json") else ""
        raise Stopped(f"stopped{again}") from None
    finally:
        launch.run.close()


def checked(recipe: Path | None, changes: Sequence[str], path: Path) -> None:
    """What the recipe amounts to, and all that can be checked before a run."""
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
            console.print(mark + Text(f"{check.name}: {check.found}"), soft_wrap=True)
            warnings += check.warning
    console.print(f"ready to train{f'; {warnings} to look at (!)' if warnings else ''}")


def _train(launch: Launch, world: World) -> None:
    run, recipe = launch.run, launch.recipe
    console = Console()
    console.print(Text(f"run directory: {run.path}"), soft_wrap=True)
    progress = Progress(recipe.training.steps, len(run.jsonl("metrics.jsonl")), console)
    if ended(recipe, run):
        console.print("the run is finished; there is nothing to go on with", soft_wrap=True)
        if not (launch.source or run.has("curves.png")):  # killed before they were drawn
            _draw_curves(run)
        return
    refuse_impossible(recipe)
    if warning := refuse_too_large(recipe, world.size):
        console.print(Text(f"warning: {warning}"), soft_wrap=True)
    if launch.source:
        summary = replay(recipe, launch.source, run, progress, launch.from_step, world)
        same = {True: "the same as", False: "other than", None: "not comparable with"}
        told = (
            f"steps {launch.from_step + 1} to {summary['steps']} replayed in "
            f"{summary['wall_seconds']:.0f} s; the weights are "
            f"{same[summary['same_weights']]} those of {summary['replayed']}\n"
            f"figures: {run.path / 'metrics.jsonl'}"
        )
    else:
        summary = train(recipe, run, progress, world)
        _draw_curves(run)
        show(
            console,
            closing_table(summary["before"], summary["after"], summary["differences"]),
            size_table(summary["sizes"]["before"], summary["sizes"]["after"]),
        )
        told = (
            f"{summary['steps']} steps, {summary['tokens']:,} tokens, "
            f"{summary['train_seconds']:.0f} s of steps, {summary['wall_seconds']:.0f} s in all\n"
            f"figures: {run.path / 'summary.json'}   curves: {run.path / 'curves.svg'}"
        )
    if learned_nothing(run.jsonl("metrics.jsonl")):
        told += (
            "\nno step learned anything: no response carried gradient; `dropped` and "
            f"`truncated_share` in {run.path / 'metrics.jsonl'} say why"
        )
    if (checkpoint := run.newest_checkpoint()) is not None:
        command = measuring_command(run.path, checkpoint, recipe)
        told += f"\nthe model: {checkpoint}\nto measure it on tasks: {command}"
    told += f"\nto see it in a browser: {next_command(run.path)}"
    console.print(Text(told), soft_wrap=True)


def _draw_curves(run: RunDir) -> None:
    with explained(run.path):
        plot_curves(run.jsonl(EVALUATIONS), run.jsonl(METRICS), run.path / "curves")
