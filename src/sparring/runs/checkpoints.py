"""The model that a run has trained, by the run's place."""

from __future__ import annotations

from pathlib import Path

from sparring.errors import RunError
from sparring.runs.reader import RECIPE, RunReader


def newest_of(name: str) -> str:
    """The newest checkpoint of the run whose directory is ``name``; any other name as it is.
    Raises `RunError` for a run without a checkpoint."""
    path = Path(name)
    try:
        if not (path / RECIPE).is_file():
            return name
    except OSError:  # a name that is too long: whoever loads it says so
        return name
    newest = RunReader(path).newest_checkpoint()
    if newest is None:
        raise RunError(f"{name}: has no checkpoint yet; --resume the run, or name another model")
    return str(newest)
