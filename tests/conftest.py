"""Settings for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests import forks

# before torch is imported: waiting threads must not take the other tests' cores, and a model as
# small as those here is no faster with several
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test asserts a time: a busy machine must not fail one.
settings.register_profile("sparring", deadline=None)
settings.load_profile("sparring")


def pytest_sessionfinish() -> None:
    forks.stop()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps. It is made once, by whichever of pytest's workers comes first,
    and each has a copy of its own."""
    from tests.training.runs import command  # not before the settings above

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    made, printed = place / "whole", place / "whole.out"
    with open(place / "whole.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            process = forks.Forked(command(made)[2:])
            out, err = process.communicate()
            assert process.returncode == 0, err
            printed.write_text(out)
    path = tmp_path_factory.mktemp("runs") / "whole"
    shutil.copytree(made, path)
    shutil.copy(printed, path.with_suffix(".out"))
    return path
