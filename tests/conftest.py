"""Settings for all tests."""

from __future__ import annotations

import os

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
