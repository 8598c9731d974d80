"""``--out`` and ``--force``: one rule for every command that makes data.

Sources are looked at first, then what ``--out`` names, then the work begins. What is there is not
written over, unless ``--force`` is given; then it is replaced whole, at the end: a command that
fails leaves it as it was. Pages and figures, which runs can be made into again, have no such rule.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sparring.errors import ConfigError

ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace what --out names, if it is there.")
]
_NEW, _OLD = ".new", ".old"


def check_sources(files: Sequence[Path]) -> None:
    """Raises `DataError` for a file that is not there."""
    from sparring.tasks.rows.files import file_rows

    for file in files:
        if not file.is_file():
            next(iter(file_rows(file)), None)  # says what is wrong with the name


def check_file(option: str, path: Path, force: bool) -> None:
    """Whether a file can be written. Raises `ConfigError`."""
    if not path.parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no directory {path.parent}; make it first")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a directory; name a file in it")
    if os.path.lexists(path) and not force:
        raise ConfigError(
            f"{option} {path}: is there already; choose another name, or --force to replace it"
        )


@contextmanager
def file_at(path: Path, force: bool) -> Iterator[Path]:
    """Where to write what is to be at ``path``. Raises `ConfigError`."""
    if not force:
        yield path
        return
    beside = path.with_name(path.name + _NEW)
    with _explained(path):
        beside.unlink(missing_ok=True)
    try:
        yield beside
        with _explained(path):
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def checkpoint_at(out: Path, force: bool) -> Iterator[Path]:
    """A directory to write a checkpoint to that is to be at ``out``. With ``force`` another
    checkpoint may be there, and goes; nothing else. Raises `ConfigError`."""
    if os.path.lexists(out) and not out.is_dir():
        raise ConfigError(f"--out {out}: is a file; name a directory")
    full = out.is_dir() and any(out.iterdir())
    if full and not force:
        raise ConfigError(
            f"--out {out}: is there already; name a new directory, or --force to replace it"
        )
    if not full:
        yield out
        return
    if not (out / "config.json").is_file():
        raise ConfigError(f"--out {out}: holds no checkpoint; --force replaces nothing else")
    new, old = out.with_name(out.name + _NEW), out.with_name(out.name + _OLD)
    for other in (new, old):
        if os.path.lexists(other):
            raise ConfigError(f"--out {out}: {other} is in the way; remove it")
    try:
        yield new
        with _explained(out):
            out.rename(old)
            new.rename(out)
            shutil.rmtree(old)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"--out {path}: cannot be written: {error.strerror}") from None
