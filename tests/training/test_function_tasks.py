"""Function tasks in a whole run: dry run, training, resuming, replay, rescoring.

The nano model knows no functions. What it samples is kept, token ids and log-probs, and only the
text that is read from it is another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.policy.local.sampler import LocalSampler
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file
from sparring.schema import Response, Role, StopReason
from tests.training.runs import SMALL, records, sparring_here

BODIES = {
    "add": ("return a + b", "return a - b", "return a + b + (a > 2)", "return 'none'"),
    "top": ("return max(a, b)", "return a", "return min(a, b)", "return b"),
}
ANSWERS = {"add": ((1, 2, 3), (3, 4, 7), (2, 2, 5)), "top": ((1, 2, 2), (5, 4, 5), (3, 1, 1))}
EXACT = """def check(candidate):
    assert candidate(1, 1) == 2
    assert candidate(3, 2) == 5
"""
LOOP = """def check(candidate):
    for x in range(3):
        assert candidate(x, 1) == max(x, 1)
"""
SUITES = {"add": EXACT, "top": LOOP}


def row(name: str, number: int) -> dict[str, Any]:
    return {
        "task_id": f"{name}/{number}",
        "prompt": f"def {name}(a, b):\n",
        "entry_point": name,
        "canonical_solution": f"    {BODIES[name][0]}\n",
        "test": SUITES[name],
    }


def text(r: Response) -> str:
    name = r.task_id.partition("/")[0]
    if r.role is Role.CODER:
        return f"```python\ndef {name}(a, b):\n    {BODIES[name][r.index % 4]}\n```"
    a, b, value = ANSWERS[name][r.index % 3]
    return f"```python\nassert {name}({a}, {b}) == {value}\n```"


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    told = LocalSampler._responses

    def scripted(self: LocalSampler, *arguments: Any) -> Sequence[tuple[int, Response]]:
        return [
            (i, replace(r, text=text(r), stop=StopReason.END_TOKEN))
            for i, r in told(self, *arguments)
        ]

    monkeypatch.setattr(LocalSampler, "_responses", scripted)
    path = tmp_path / "functions.jsonl"
    rows = [row(name, i) for i in range(3) for name in BODIES]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def arguments(tasks: Path, **changes: str) -> list[str]:
    settings = {
        **SMALL,
        "tasks.train": f'["{tasks}"]',
        "tasks.held_out": f'["{tasks}"]',
        "prompts.coder_function": "{statement}",
        "prompts.tester_function": "{statement}",
        "sampling.coder_max_tokens": "24",
        "sampling.tester_max_tokens": "24",
        "training.tasks_per_step": "2",
        "training.steps": "2",
        "training.checkpoint_every": "1",
        "evaluation.programs": "4",
        "evaluation.tests": "3",
        "tasks.held_out_count": "2",
        **{k.replace("__", "."): v for k, v in changes.items()},
    }
    return [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]


def test_a_run_on_function_tasks_learns_goes_on_is_replayed_and_rescored(
    tasks: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    lines = [
        ["train", "--run-dir", str(path), *arguments(tasks, training__steps="1")],
        ["train", "--resume", "--run-dir", str(path), "--set", "training.steps=2"],
        ["train", "--replay", str(path), "--run-dir", str(tmp_path / "again")],
        ["rescore", str(path), "--set", "checker.rule=lines"],
    ]
    for line in lines:
        done = sparring_here(*line)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "verdicts changed: 0 of" in done.stdout
    steps = records(path, "metrics.jsonl")
    assert len(steps) == 2
    for step in steps:
        assert step["pass@1"] == pytest.approx(2 / 6)  # bodies 0 and 4 of six
        assert step["tests_right"] == pytest.approx(4 / 6)
        assert step["tests_invalid"] == 0
        assert step["groups_dropped"] == 0
        assert step["input_size"] == 2
        assert step["coder"]["tokens_trained"] > 0
    for record in RunDir(path).read_packed(step_file("rollouts", 2)):
        task = record["task"]
        kinds = [test[2] for test in task["tests"]]
        assert kinds == {"add": ["call"] * 2, "top": ["script"]}[task["entry_point"]]
    assert json.loads((tmp_path / "again" / "summary.json").read_text())["same_weights"] is True


def test_a_dry_run_tries_reference_solutions_as_functions(tasks: Path, tmp_path: Path) -> None:
    line = ["train", "--dry-run", "--run-dir", str(tmp_path / "run")]
    done = sparring_here(*line, *arguments(tasks))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 tried, all pass their tests" in done.stdout
    assert "12 of 12 programs and 12 of 12 tests could be read" in done.stdout
    rows = [json.loads(line) for line in tasks.read_text().splitlines()]
    wrong = [{**r, "canonical_solution": "    return 0\n"} for r in rows]
    tasks.write_text("".join(json.dumps(r) + "\n" for r in wrong))
    done = sparring_here(*line, *arguments(tasks))
    assert done.returncode != 0
    assert "no reference solution passes its own tests" in done.stdout + done.stderr
