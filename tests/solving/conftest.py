"""What lends one sandbox to all sessions of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sparring.sandbox import Sandbox


@pytest.fixture
def shared_workers(workers: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a sandbox takes longer than most of these tests."""

    @contextmanager
    def lent(*_: Any, **__: Any) -> Iterator[Sandbox]:
        yield workers

    monkeypatch.setattr("sparring.solving.engine.Sandbox", lent)
