"""A finished small run that several tests look at."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.forks import Forked
from tests.training.runs import command


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps. It is made once, by whichever of pytest's workers comes first,
    and each has a copy of its own."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    made, printed = place / "whole", place / "whole.out"
    with open(place / "whole.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            process = Forked(command(made)[2:])
            out, err = process.communicate()
            assert process.returncode == 0, err
            printed.write_text(out)
    path = tmp_path_factory.mktemp("runs") / "whole"
    shutil.copytree(made, path)
    shutil.copy(printed, path.with_suffix(".out"))
    return path
