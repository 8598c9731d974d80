"""Runs whose reward reads texts, outputs and details: resumed, replayed, rescored and label-free,
what is recorded gives the same rewards again."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import recorded_recipe
from sparring.grading.recorded import results_of_step
from sparring.runs.reader import open_run, step_file
from sparring.schema import Role
from sparring.training.scoring import scorer_of
from tests.training.runs import command, finished, same_run, sparring_here
from tests.training.test_pseudo_labels import BY_NANO

REWARD = '''
import json
from pathlib import Path

SEEN = Path(__file__).with_suffix(".seen")

def reward(group):
    """Pay for everything that only texts tell; note which tests decided."""
    with SEEN.open("a") as file:
        details = [e.detail for row in group.executions_PT for e in row]
        file.write(json.dumps([group.task_id, [t.output for t in group.tests_G], details]) + "\\n")
    coder = [
        len(set(text)) + sum(len(e.output) + 3 * len(e.detail) for e in row)
        for text, row in zip(group.responses_P, group.executions_PT)
    ]
    tester = [
        len(set(text)) - 5 * (failure is not None) - 9 * (refusal is not None)
        for text, failure, refusal in zip(group.responses_U, group.failures_U, group.refused_U)
    ]
    return coder, tester
'''


def seen(file: Path) -> list[Any]:
    """Return what the function noted of groups of a run, without the trials before it."""
    lines = file.with_suffix(".seen").read_text().splitlines()
    return [noted for line in lines if (noted := json.loads(line))[0] != "example"]


def groups(run: Path, step: int) -> list[dict[str, Any]]:
    return open_run(run).read_packed(step_file("rollouts", step))


def weights(run: Path, step: int) -> bytes:
    return (run / "checkpoints" / f"step-{step:05d}" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reward") / "texts.py"
    path.write_text(REWARD)
    return path


@pytest.fixture(scope="module")
def paid_by_texts(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "run"
    finished(command(path, reward=f"{file}:reward", training__steps="2"))
    return path


def test_details_are_seen_and_paid(paid_by_texts: Path, file: Path) -> None:
    noted = seen(file)
    assert any("Error" in detail for _, _, details in noted for detail in details)
    usage = open_run(paid_by_texts).read_packed(step_file("usage", 1))
    for record, used in zip(groups(paid_by_texts, 1), usage, strict=True):
        for p, row in zip(record["programs"], used["runs"], strict=True):
            details = sum(3 * len(detail) for _, _, detail in row[: len(p["runs"])])
            outputs = sum(len(r["output"]) for r in p["runs"])
            assert p["reward"] == len(set(p["text"])) + outputs + details


def same_rewards_again(run: Path, steps: int) -> None:
    """Compute the rewards of a run again from its records, and compare them with the recorded."""
    reader = open_run(run)
    scorer = scorer_of(recorded_recipe(reader))
    for step in range(1, steps + 1):
        results = results_of_step(reader, step, details=True)
        for index, (record, result) in enumerate(zip(groups(run, step), results, strict=True)):
            earned = scorer.score(result, step, index).earned
            for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
                values = [None if math.isnan(x) else x for x in earned.rewards(role).value]
                assert values == [r["reward"] for r in record[name]]


def test_rescoring_and_replay_give_the_same_rewards(
    paid_by_texts: Path, file: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    said = finished(["", "", "", "train", "--replay", str(paid_by_texts), "--run-dir", str(again)])
    assert "the weights are the same as those of" in said
    assert weights(again, 2) == weights(paid_by_texts, 2)
    copied, out = tmp_path / "copied.py", tmp_path / "changes.jsonl"
    copied.write_text(file.read_text())
    for run in (paid_by_texts, again):  # a replay keeps the details too
        same_rewards_again(run, 2)
        words = ("rescore", str(run), "--set", f"reward={copied}:reward", "--out", str(out))
        done = sparring_here(*words, "--force") if out.exists() else sparring_here(*words)
        assert done.returncode == 0, done.stderr
        assert out.read_text() == ""
    noted = seen(copied)  # the same texts and details from both
    assert noted[: len(noted) // 2] == noted[len(noted) // 2 :]


def test_a_resumed_run_learns_again_from_what_the_function_saw(
    paid_by_texts: Path, tmp_path: Path
) -> None:
    path = tmp_path / "resumed"
    shutil.copytree(paid_by_texts, path)
    for name in ("summary.json", "curves.svg", "curves.png"):
        (path / name).unlink()
    for checkpoint in (path / "checkpoints").iterdir():
        shutil.rmtree(checkpoint)  # all steps are learned again, from the records
    finished(["", "", "", "train", "--resume", "--run-dir", str(path)])
    same_run(path, paid_by_texts)


def test_without_ground_truth_a_function_sees_none(file: Path, tmp_path: Path) -> None:
    file.with_suffix(".seen").unlink(missing_ok=True)
    path = tmp_path / "label_free"
    by = {**BY_NANO, "reward": f"{file}:reward", "training__steps": "1"}
    finished(command(path, **by))
    noted = iter(seen(file))
    labelled = 0
    for record in groups(path, 1):
        kept = [t for t in record["pseudo_labels"]["tests"] if t["kept"]]
        if not kept:
            continue  # no label: the function is not called
        labelled += 1
        task, outputs, _ = next(noted)
        assert task == record["task"]["id"]
        assert outputs == [t["output"] for t in kept]
    assert labelled > 1
    same_rewards_again(path, 1)


def test_the_worked_example_pays_by_distance_in_a_run(paid_by_texts: Path, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "recipes" / "distance_reward.py"
    path = tmp_path / "run"
    finished(command(path, reward=f"{example}:reward", training__steps="1"))
    rewards = [p["reward"] for record in groups(path, 1) for p in record["programs"]]
    assert any(0 < reward < 1 for reward in rewards)  # partial credit
    assert all(0 <= reward <= 1 for reward in rewards)
    tests = [t for record in groups(path, 1) for t in record["tests"]]
    assert {t["reward"] for t in tests} <= {-1.0, 0.0, 1.0}
    assert all(t["reward"] == -1 for t in tests if t["failure"] or t["refused"])
    out = tmp_path / "changes.jsonl"
    done = sparring_here(
        "rescore", str(paid_by_texts), "--set", f"reward={example}:reward", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text()
