"""``sparring microworld``: the embedded tasks and the nano model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import ForceOption, check_file, checkpoint_at, file_at
from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The embedded tasks and nano model.")


@app.command("build")
def microworld_build(
    out: Annotated[Path, typer.Option("--out", help="Directory for the checkpoint.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    force: ForceOption = False,
) -> None:
    """Rebuild the nano model from nothing (about 15 minutes on two cores)."""
    with checkpoint_at(out, force) as path:
        from sparring.microworld.build import WarmStart, build

        build(path, WarmStart(seed=seed))


@app.command("tasks")
def microworld_write_tasks(
    out: Annotated[Path, typer.Option("--out", help="A JSONL file to write.")],
    split: Annotated[
        str, typer.Option("--split", help="warm, train, validation, held_out, english")
    ],
    count: Annotated[int, typer.Option("--count", min=1)] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    force: ForceOption = False,
) -> None:
    """Write microworld tasks to a file in the field names of the CURE data sets."""
    from sparring.microworld.tasks import SPLITS, tasks_of_split
    from sparring.tasks.load import dump_tasks

    if split not in SPLITS:
        raise ConfigError(f"--split {split}: there are {', '.join(SPLITS)}")
    check_file("--out", out, force)
    with file_at(out, force) as path:
        dump_tasks(tasks_of_split(split, count, seed), path)
