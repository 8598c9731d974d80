"""Tasks, and what lends one sandbox to all evaluations of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sparring.sandbox import Sandbox
from tests.evaluation.eval_command import write_tasks


@pytest.fixture
def shared_workers(workers: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a sandbox takes longer than most of these tests."""

    @contextmanager
    def lent(*_: Any, **__: Any) -> Iterator[Sandbox]:
        yield workers

    monkeypatch.setattr("sparring.evaluation.directory.Sandbox", lent)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    return write_tasks(tmp_path / "tasks.jsonl", 3)
