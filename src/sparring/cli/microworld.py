"""``sparring microworld``: write the embedded tasks, rebuild the embedded nano model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import ForceOption, check_file, checkpoint_at, file_at
from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The embedded tasks and nano model.")


@app.command("build")
def microworld_build(
    out: Annotated[Path, typer.Option("--out", help="Directory to write the checkpoint to.")],
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the texts and the weights.")
    ] = 0,
    force: ForceOption = False,
) -> None:
    """Rebuild the nano model from random weights (about 15 minutes on two cores)."""
    with checkpoint_at(out, force) as path:
        from sparring.microworld.build import WarmStart, build

        build(path, WarmStart(seed=seed))


@app.command("tasks")
def microworld_write_tasks(
    out: Annotated[Path, typer.Option("--out", help="The JSONL file to write.")],
    split: Annotated[
        str,
        typer.Option(
            "--split", help="Split to draw from: warm, train, validation, held_out or english."
        ),
    ],
    count: Annotated[int, typer.Option("--count", min=1, help="Number of tasks.")] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draw.")] = 1,
    force: ForceOption = False,
) -> None:
    """Write embedded tasks to a file, with the field names of the CURE data sets."""
    from sparring.microworld.tasks import SPLITS, tasks_of_split
    from sparring.tasks.load import dump_tasks

    if split not in SPLITS:
        raise ConfigError(f"--split {split}: unknown split; choose one of {', '.join(SPLITS)}")
    check_file("--out", out, force)
    with file_at(out, force) as path:
        dump_tasks(tasks_of_split(split, count, seed), path)
