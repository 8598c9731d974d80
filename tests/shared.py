"""Where golden data is looked for: it is not part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared(name: str) -> Path:
    """A file of the shared data, or skip the test and say so."""
    root = Path(os.environ.get("SPARRING_SHARED", Path(__file__).parents[2] / "shared"))
    path = root / name
    if not path.exists():
        pytest.skip(f"no golden data at {path}; set SPARRING_SHARED")
    return path
