"""A finished small run that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops.runs import command, finished


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    out = finished(command(path))
    path.with_suffix(".out").write_text(out)
    return path
