"""Settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from sparring.sandbox import Sandbox
from tests import forks
from tests.fake_openai import FakeOpenAI

# before torch is imported: waiting threads must not take the other tests' cores, and a model as
# small as those here is no faster with several
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test asserts a time: a busy machine must not fail one.
settings.register_profile("sparring", deadline=None)
settings.load_profile("sparring")


def pytest_sessionfinish() -> None:
    forks.stop()


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    """A server that answers by a plan, and fails as servers do."""
    with FakeOpenAI() as server:
        yield server


@pytest.fixture(scope="module")
def workers() -> Iterator[Sandbox]:
    """One sandbox for the tests of a file."""
    with Sandbox(1) as sandbox:
        yield sandbox
