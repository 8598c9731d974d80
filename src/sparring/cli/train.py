"""``sparring train``: its options. Under torchrun every process runs this."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import RecipeArgument, SetOption
from sparring.errors import ConfigError


def train(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Where the run is kept; default runs/DATE.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run-dir.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="RUN", help="Learn from the rollouts that RUN recorded."),
    ] = None,
    from_step: Annotated[
        int, typer.Option("--from-step", min=0, help="With --replay: start from this checkpoint.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all that can be checked, and train nothing.")
    ] = False,
) -> None:
    """Train both roles, with evaluations before, during and after. Under torchrun, together."""

    from sparring.learner.distributed.world import World

    world = World.join()
    if not world.leads:
        from sparring.cli.train_torch import helped

        helped(world)
        return
    with world.taking_part():
        if resume and run_dir is None:
            raise ConfigError("--resume needs --run-dir: which run is to go on?")
        if resume and replay:
            raise ConfigError("--resume goes on with a replay by itself; leave out --replay")
        if from_step and not replay:
            raise ConfigError("--from-step belongs to --replay")
        if dry_run and (resume or replay):
            raise ConfigError("--dry-run is for a new run; leave out --resume and --replay")
        if dry_run and not world.alone:
            raise ConfigError("--dry-run is for one process; start it without torchrun")
        from sparring.cli.train_torch import checked, launched, lead

        path = run_dir or Path("runs") / datetime.now().strftime("%Y-%m-%d-%H%M%S")
        if dry_run:
            checked(recipe, change or (), path)
        else:
            lead(launched(path, recipe, change or (), resume, replay, from_step), world)
