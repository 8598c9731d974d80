"""The dry run: says what a run would need, finds what would stop it, and leaves nothing behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sparring.config.load import make_recipe
from sparring.training.planning.duration import StepCost, duration_check
from tests.training.runs import SMALL, sparring_here

SETS = [x for k, v in SMALL.items() for x in ("--set", f"{k}={v}")]


def test_it_reports_every_part_and_makes_no_run(tmp_path: Path) -> None:
    done = sparring_here("train", "--dry-run", *SETS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^[✓!] ([^:]+):", done.stdout, re.M)
    assert names == [
        "tasks",
        "reference solutions",
        "validators",
        "model",
        "coder prompts",
        "tester prompts",
        "end tokens",
        "isolation",
        "sampling",
        "coder responses",
        "tester responses",
        "parsing and reward",
        "update",
        "log-probs",
        "time",
        "disk",
        "memory",
    ]
    assert done.stdout.endswith("ready to train\n")
    assert re.search(r"time: [\d,]+ s per step, \d+ min for \d+ steps, evaluations", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_initial_policy_programs_and_a_budget_of_tokens_are_in_what_a_run_costs(
    tmp_path: Path,
) -> None:
    """A disk that could never hold so many steps is no reason to refuse a run of a few."""
    more = [
        "sampling.initial_policy_programs=3",
        "training.steps=900000000",
        "training.token_budget=2000",
    ]
    changes = [x for change in more for x in ("--set", change)]
    done = sparring_here("train", "--dry-run", *SETS, *changes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sampling: 30 responses" in done.stdout  # 2 tasks × (6 + 6 + 3)
    [steps] = re.findall(r"min for ([\d,]+) steps, which spend training.token_budget", done.stdout)
    assert 1 <= int(steps) <= 3
    assert "spent in step 1 at the earliest" in done.stdout


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


def _files(tmp_path: Path, row: dict[str, object]) -> list[str]:
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    sets = [x for k in ("train", "held_out") for x in ("--set", f'tasks.{k}=["t.jsonl"]')]
    return [*SETS, *sets, "--set", "training.tasks_per_step=1"]


def test_reference_solutions_have_the_tasks_own_limits(tmp_path: Path) -> None:
    row = {
        "question": "Count for a while, in a lot of room.",
        "test_input": ["1"],
        "test_output": ["400"],
        "test_time_limit": 9,
        "memory_limit": 600,
        "solutions": ["x = bytearray(400 << 20)\nfor _ in range(5 * 10**7): pass\nprint(400)"],
    }
    done = sparring_here("train", "--dry-run", *_files(tmp_path, row), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 tried, all pass" in done.stdout


@pytest.mark.parametrize("validator", ["import (", "print('valid')\n1 / 0"])
def test_a_validator_that_refuses_everything_stops_it(tmp_path: Path, validator: str) -> None:
    row = {"question": "Print it.", "test_input": ["1"], "test_output": ["1"]}
    row |= {"solutions": ["print(input())"], "validator": validator}
    done = sparring_here("train", "--dry-run", *_files(tmp_path, row), cwd=tmp_path)
    assert done.returncode == 2
    assert "no validator allows its own task's tests" in done.stderr


def test_the_run_directory_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").write_text("")
    for place, said in (("file", "is a file"), ("file/below", "is a file"), ("full", "not empty")):
        done = sparring_here("train", "--dry-run", *SETS, "--run-dir", place, cwd=tmp_path)
        assert done.returncode == 1
        assert said in done.stderr
    done = sparring_here("train", "--dry-run", *SETS, "--run-dir", "x" * 300, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_the_time_is_a_bound_where_steps_may_be_shorter() -> None:
    """Ten steps of 10 s; with 2 + 2 responses to one task a step, evaluations of one task last as
    long as a step's sampling and running: the initial one, those after steps 5 and 10."""
    sections = {
        "training": {"steps": 10, "tasks_per_step": 1},
        "sampling": {"programs": 2, "tests": 2, "initial_policy_programs": 0},
        "tasks": {"held_out_count": 1},
        "evaluation": {"programs": 2, "tests": 2, "every": 5},
    }
    cost = StepCost(sampling=3, running=1, learning=6, tokens=100, bounded=False)
    check = duration_check(make_recipe(sections, (), "test"), cost)
    assert (check.name, check.text) == (
        "time",
        "10 s per step, 2 min for 10 steps, evaluations included",  # 100 + 3 × 4 + 2 s
    )
    sections["sampling"]["extra_attempts"] = 1
    check = duration_check(make_recipe(sections, (), "test"), cost)
    assert check.name == "time, at most"
    assert check.text.endswith("included (with all sampling.extra_attempts in every step)")
    ten = {**sections, "evaluation": {"programs": 20, "tests": 20, "every": 5}}
    check = duration_check(make_recipe(ten, (), "test"), cost)
    assert "10 s per step, 4 min" in check.text  # 100 + 3 × 40 + 2 s, which is 3.7 min
