"""A server that answers by a plan, and one sandbox for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


@pytest.fixture
def shared_workers(workers: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a sandbox takes longer than most of these tests."""

    @contextmanager
    def lent(*_: Any, **__: Any) -> Iterator[Sandbox]:
        yield workers

    monkeypatch.setattr("sparring.solving.engine.Sandbox", lent)
