"""Small runs of the command line on the nano model, and how to compare two of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sparring.cli.main import main

SMALL = {
    "tasks.train_count": "12",
    "tasks.held_out_count": "6",
    "sampling.programs": "6",
    "sampling.tests": "6",
    "learning.ppo_epochs": "1",
    "training.steps": "4",
    "training.tasks_per_step": "4",
    "training.threads": "1",
    "training.checkpoint_every": "2",
    "evaluation.every": "2",
    "sandbox.workers": "1",
}


def command(run: Path, **changes: str) -> list[str]:
    settings = {**SMALL, **{k.replace("__", "."): v for k, v in changes.items()}}
    sets = [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]
    return [sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(run), *sets]


def sparring(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparring.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def sparring_here(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in this process: seconds less, because torch is loaded already."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    argv, sys.argv = sys.argv, ["sparring", *arguments]
    try:
        with (
            contextlib.chdir(cwd or "."),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def finished(command_line: list[str]) -> str:
    """What the command prints; it runs in this process."""
    return _fine(sparring_here(*command_line[3:]))


def finished_apart(command_line: list[str], **environment: str) -> str:
    """The same in a process of its own, which takes seconds more."""
    env = {**os.environ, **environment}
    return _fine(subprocess.run(command_line, capture_output=True, text=True, check=False, env=env))


def _fine(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def records(path: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / name).read_text().splitlines()]


MEASURED = ("timing.jsonl", "timeline.jsonl", "environment.json", "summary.json", "lock")
"""Files of a run that differ between equal runs, beside the directory usage."""


def same_run(one: Path, other: Path) -> None:
    """Two runs agree in every file that is not a measurement, to the byte."""
    a, b = _files(one), _files(other)
    assert set(a) ^ set(b) == set()
    assert [name for name in a if a[name].read_bytes() != b[name].read_bytes()] == []


def _files(run: Path) -> dict[str, Path]:
    found = {str(p.relative_to(run)): p for p in run.rglob("*") if p.is_file()}
    return {n: p for n, p in found.items() if n not in MEASURED and not n.startswith("usage/")}
