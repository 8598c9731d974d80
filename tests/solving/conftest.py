"""A server that answers by a plan, and one sandbox for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparring.sandbox import Sandbox
from tests.fake_openai import FakeOpenAI


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture(scope="module")
def workers() -> Iterator[Sandbox]:
    with Sandbox(1) as sandbox:
        yield sandbox
