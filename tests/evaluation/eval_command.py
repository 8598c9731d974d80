"""Small task files, and `sparring eval` run on them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sparring.cli.main import app
from tests.fake_openai import FakeOpenAI


def write_tasks(path: Path, count: int, extra: dict[str, Any] | None = None) -> Path:
    rows = [
        {
            "task_id": f"t{i}",
            "question": f"Add one (variant {i}).",
            "test_input": ["1\n", "7\n"],
            "test_output": ["2\n", "8\n"],
            "solutions": ["print(int(input()) + 1)"],
            **(extra or {}),
        }
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def run(*args: Any) -> dict[str, Any]:
    """Run the command in this process; its eval.json."""
    words = ["eval", *map(str, args), "--workers", "1"]
    found = CliRunner().invoke(app, words)
    if found.exception is not None:
        raise found.exception
    out = Path(words[words.index("--out") + 1])
    record: dict[str, Any] = json.loads((out / "eval.json").read_text())
    return record


def usual(tasks: Path, fake: FakeOpenAI, out: Path, *more: Any) -> tuple[Any, ...]:
    return (tasks, "--coder", fake.url, "--out", out, "-n", 3, "-m", 2, "--attempts", 2, *more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(*args: Any) -> list[str]:
    return [sys.executable, "-m", "sparring.cli", "eval", *map(str, args), "--workers", "1"]
