"""The dry run: says what a run would need, finds what would stop it, and leaves nothing behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.loops.runs import SMALL, sparring_here

SETS = [x for k, v in SMALL.items() for x in ("--set", f"{k}={v}")]


def test_it_reports_every_part_and_makes_no_run(tmp_path: Path) -> None:
    done = sparring_here("train", "--dry-run", *SETS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^[✓!] ([^:]+):", done.stdout, re.M)
    assert names == [
        "tasks",
        "reference solutions",
        "model",
        "coder prompts",
        "tester prompts",
        "end tokens",
        "isolation",
        "sampling",
        "coder responses",
        "tester responses",
        "parsing and reward",
        "forward and backward",
        "time, at most",
        "disk",
        "memory",
    ]
    assert done.stdout.endswith("ready to train\n")
    assert list(tmp_path.iterdir()) == []


def test_what_would_disappoint_is_marked(tmp_path: Path) -> None:
    row = {"question": "Read a number.", "test_input": ["1"], "test_output": ["1"]}
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    files = [x for k in ("train", "held_out") for x in ("--set", f'tasks.{k}=["t.jsonl"]')]
    files += ["--set", "training.tasks_per_step=1"]
    short = ["--set", "sampling.coder_max_tokens=3"]
    done = sparring_here("train", "--dry-run", *SETS, *files, *short, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    marked = re.findall(r"^! ([^:]+): (.*)", done.stdout, re.M)
    assert ("tasks", "1 to train on, 1 held out; 1 statements are in both") in marked
    assert ("reference solutions", "no task has one") in marked
    assert any(n == "coder responses" and "100% cut off" in found for n, found in marked)


def test_solutions_that_solve_nothing_stop_it(tmp_path: Path) -> None:
    row = {
        "question": "Print 2.",
        "test_input": ["1"],
        "test_output": ["2"],
        "solutions": ["print(3)"],
    }
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    files = [x for k in ("train", "held_out") for x in ("--set", f'tasks.{k}=["t.jsonl"]')]
    files += ["--set", "training.tasks_per_step=1"]
    done = sparring_here("train", "--dry-run", *SETS, *files, cwd=tmp_path)
    assert done.returncode == 2
    assert "no reference solution passes its own tests" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
