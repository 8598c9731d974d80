"""``sparring tasks split``: a training part and a held-out part of task files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparring.cli.common import ForceOption, check_file, file_at
from sparring.errors import ConfigError, writing

if TYPE_CHECKING:
    from sparring.tasks.split import TaskSplit

TRAIN, HELD_OUT = "train.jsonl", "held-out.jsonl"
_LISTED = 10
"""Most similar tasks that are printed for each rule."""


def split(
    files: Annotated[list[Path], typer.Argument(help="The task files to split.")],
    held_out: Annotated[
        int, typer.Option("--held-out", min=1, help="Number of tasks to hold out.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help=f"Directory for {TRAIN} and {HELD_OUT}."),
    ],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draw.")] = 1,
    force: ForceOption = False,
) -> None:
    """Split task files into a training part and a held-out part, drawn by a seed.

    Reports training tasks that are similar to a held-out task.
    """
    from sparring.tasks.load import dump_tasks, read_task_files
    from sparring.tasks.split import split_tasks

    parts = split_tasks(read_task_files(files), held_out, seed)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out}: is a file; name a directory")
    with writing(f"--out {out}", ConfigError):
        out.mkdir(parents=True, exist_ok=True)
    for name in (TRAIN, HELD_OUT):
        check_file("--out", out / name, force)
    for name, tasks in ((TRAIN, parts.train), (HELD_OUT, parts.held_out)):
        with file_at(out / name, force) as path:
            dump_tasks(tasks, path)
        typer.echo(f"{len(tasks):,} tasks: {out / name}")
    _print_similar(parts, out)


def _print_similar(parts: TaskSplit, out: Path) -> None:
    """Print the training tasks that are similar to held-out ones, and how to leave them out."""
    from sparring.tasks.cleaning.overlap import (
        LEAKS,
        NEAR_DUPLICATES,
        alike_pairs,
        drop_overlap,
    )

    clean, leaks = drop_overlap(parts.train, parts.held_out, LEAKS)
    _, near = drop_overlap(clean, parts.held_out, NEAR_DUPLICATES)
    for similar, options in (
        (leaks, ""),
        (near, f" --ngram {NEAR_DUPLICATES.n} --overlap {NEAR_DUPLICATES.share:g}"),
    ):
        for line in similar[:_LISTED]:
            typer.echo(f"similar to a held-out task: {line}", err=True)
        if len(similar) > _LISTED:
            typer.echo(f"… and {len(similar) - _LISTED:,} more", err=True)
        if similar:
            typer.echo(
                f"leave these {len(similar):,} out: sparring tasks load {out / TRAIN} "
                f"--against {out / HELD_OUT}{options} --out FILE",
                err=True,
            )
    pairs = alike_pairs(parts.train, parts.held_out, NEAR_DUPLICATES.n)
    if pairs:
        typer.echo(
            f"most alike: {pairs[0].task} and {pairs[0].other} (held out), "
            f"{pairs[0].share:.0%} of their {NEAR_DUPLICATES.n}-grams in common",
            err=True,
        )
