"""Lookup of a run's newest checkpoint, so that a run directory can name a model."""

from __future__ import annotations

from pathlib import Path

from sparring.errors import RunError
from sparring.runs.reader import RECIPE, RunReader


def newest_of(name: str) -> str:
    """Return the newest checkpoint if ``name`` is a run directory; otherwise ``name`` unchanged.

    Raises `RunError` for a run without a checkpoint.
    """
    path = Path(name)
    try:
        if not (path / RECIPE).is_file():
            return name
    except OSError:  # a name that is too long for a path: loading the model reports it
        return name
    newest = RunReader(path).newest_checkpoint()
    if newest is None:
        raise RunError(
            f"{name}: the run has no checkpoint yet; --resume the run, or name another model"
        )
    return str(newest)
