"""``sparring train``: the options of the command. Under torchrun every process runs it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import RecipeArgument, SetOption
from sparring.errors import ConfigError
from sparring.extras import extra


def train(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    run_dir: Annotated[
        Path | None,
        typer.Option("--run-dir", help="Directory to write the run to; by default runs/DATE."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --run-dir.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", metavar="RUN", help="Learn from the recorded rollouts of the run RUN."
        ),
    ] = None,
    from_step: Annotated[
        int,
        typer.Option(
            "--from-step", min=0, help="With --replay: start from RUN's checkpoint of this step."
        ),
    ] = 0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check recipe, data, model and memory; train nothing."),
    ] = False,
) -> None:
    """Train the coder and the tester; evaluate before, during and after training.

    Under torchrun all processes train one model together.
    """

    with extra("train", "training"):
        from sparring.cli.train_torch import follow_leader, lead, open_launch, print_dry_run
        from sparring.learner.distributed.context import DistributedContext

    context = DistributedContext.join()
    if not context.is_main:
        follow_leader(context)
        return
    with context.taking_part():
        if resume and run_dir is None:
            raise ConfigError("--resume: no run is named; add --run-dir")
        if resume and replay:
            raise ConfigError("--resume continues a replay by itself; leave out --replay")
        if from_step and not replay:
            raise ConfigError("--from-step: has a meaning only with --replay; add --replay RUN")
        if dry_run and (resume or replay):
            raise ConfigError("--dry-run is for a new run; leave out --resume and --replay")
        if dry_run and not context.alone:
            raise ConfigError("--dry-run is for one process; start it without torchrun")
        path = run_dir or Path("runs") / datetime.now().strftime("%Y-%m-%d-%H%M%S")
        if dry_run:
            print_dry_run(recipe, change or (), path)
        else:
            lead(open_launch(path, recipe, change or (), resume, replay, from_step), context)
