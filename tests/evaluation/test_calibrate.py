"""`sparring calibrate` on small evaluations of answers with known truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import ConfigError, DataError, RunError
from sparring.selection.calibration import load
from tests.evaluation.eval_command import run

pytestmark = pytest.mark.usefixtures("shared_workers")

PROMPT = 'def plus(a, b):\n    """The sum of a and b."""\n'
SUM, LESS, MORE, TIMES = (f"    return a {op} b\n" for op in ("+", "-", "+ 2 *", "*"))


def evaluation(path: Path, count: int, tests: bool = True, wrong: Sequence[int] = ()) -> Path:
    """Evaluate four programs and four tests of each of ``count`` tasks. Of the tasks in ``wrong``
    the programs agree on an error; of every fifth no two agree."""
    tasks, answers = [], []
    for i in range(count):
        name = f"HumanEval/{i}"
        tasks.append(
            {
                "task_id": name,
                "prompt": PROMPT,
                "entry_point": "plus",
                "canonical_solution": SUM,
                "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n"
                "    assert candidate(5, 1) == 6\n",
            }
        )
        programs = [SUM, SUM, SUM, LESS]
        if i in wrong:
            programs = [LESS, LESS, TIMES, LESS]
        elif i % 5 == 0:
            programs = [SUM, LESS, MORE, TIMES]
        row: dict[str, Any] = {"task_id": name, "code_samples": programs}
        if tests:
            values = (f"plus({i}, 1) == {i + 1}", "plus(2, 3) == 5", "plus(4, 3) == 1")
            row["test_samples"] = [*values, "plus(0, 3) == 3"]
        answers.append(row)
    path.mkdir()
    for file, rows in (("tasks", tasks), ("answers", answers)):
        text = "".join(json.dumps(r) + "\n" for r in rows)
        (path / f"{file}.jsonl").write_text(text)
    files = (path / "tasks.jsonl", "--answers", path / "answers.jsonl")
    run(*files, "--out", path / "eval", "--mutants", 0)
    return path / "eval"


def calibrate(*words: Any) -> str:
    found = CliRunner().invoke(app, ["calibrate", *map(str, words)])
    if found.exception is not None:
        raise found.exception
    return found.stdout


def test_a_calibration_is_fitted_printed_and_written(tmp_path: Path) -> None:
    done = evaluation(tmp_path / "a", 30, wrong=[3, 8, 13, 18])
    out = tmp_path / "own.json"
    text = calibrate(done, "--out", out)
    assert "240 choices of 30 tasks" in " ".join(text.split())
    assert "held-out tasks" in text
    own = load(out)
    assert own.fitted["tasks"] == 30
    assert own.fitted["data"][0]["evaluation"] == "eval"
    # where three of four agree the choice is right, where nobody agrees it seldom is
    with pytest.raises(ConfigError, match="already exists"):
        calibrate(done, "--out", out)
    calibrate(done, "--out", out, "--force")
    assert load(out) == own


def test_what_cannot_be_calibrated_on_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "own.json")
    few = evaluation(tmp_path / "few", 6, wrong=[2])
    with pytest.raises(DataError, match=r"6 tasks have a program .* needs 20"):
        calibrate(few, *out)
    untested = evaluation(tmp_path / "untested", 2, tests=False)
    with pytest.raises(DataError, match="generated tests"):
        calibrate(untested, *out)
    hopeless = evaluation(tmp_path / "hopeless", 22, wrong=range(22))
    with pytest.raises(DataError, match="all choices are wrong"):
        calibrate(hopeless, *out)
    with pytest.raises(RunError, match="holds no evaluation"):
        calibrate(tmp_path / "nowhere", *out)
    with pytest.raises(ConfigError, match="there is no directory"):
        calibrate(few, "--out", tmp_path / "no" / "own.json")
    assert not (tmp_path / "own.json").exists()
