"""A run goes on with what it began with: tasks, initial model, records of its own."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.microworld import NANO_DIR
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.tasks.load import dump_tasks
from tests.training.runs import command, finished, records, sparring_here

REWARD = "def reward(bout):\n    return [{}.0] * len(bout.programs), [0.0] * len(bout.tests)\n"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with task file, model, reward function and a run of them that has a step left
    to make."""
    place = tmp_path_factory.mktemp("inputs")
    dump_tasks(microworld_tasks(Split.TRAIN, 8, 0), place / "tasks.jsonl")
    dump_tasks(microworld_tasks(Split.TRAIN, 8, 9), place / "others.jsonl")
    shutil.copytree(NANO_DIR, place / "model")
    (place / "mine.py").write_text(REWARD.format(1))
    finished(
        command(
            place / "run",
            tasks__train=f'["{place}/tasks.jsonl"]',
            model__path=f"{place}/model",
            reward=f"{place}/mine.py:reward",
            training__steps="1",
            training__checkpoint_every="1",
        )
    )
    return place


@pytest.fixture
def place(begun: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the run, and its inputs where the run has them until the test is over."""
    shutil.copytree(begun / "run", tmp_path / "run")
    kept = {p: p.read_bytes() for p in begun.rglob("*") if p.is_file()}
    yield tmp_path
    for path, data in kept.items():
        path.write_bytes(data)


def resumed(place: Path, *more: str) -> Any:
    steps = ["--set", "training.steps=2"]
    return sparring_here("train", "--resume", "--run-dir", str(place / "run"), *steps, *more)


def test_other_tasks_under_the_same_name_are_refused(begun: Path, place: Path) -> None:
    shutil.copy(begun / "others.jsonl", begun / "tasks.jsonl")
    done = resumed(place)
    assert done.returncode == 1
    assert "tasks.jsonl has changed since the run began" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_another_start_model_is_refused_and_said_by_a_replay(begun: Path, place: Path) -> None:
    weights = begun / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    done = resumed(place)
    assert done.returncode == 1
    assert "model.safetensors has changed since the run began" in done.stderr
    done = sparring_here("train", "--replay", str(place / "run"), "--run-dir", str(place / "again"))
    assert done.returncode == 0, done.stderr
    assert "a replay with another initial model" in done.stdout


def test_a_reward_function_may_be_mended_and_both_sources_are_kept(
    begun: Path, place: Path
) -> None:
    (begun / "mine.py").write_text(REWARD.format(2))
    done = resumed(place)
    assert done.returncode == 0, done.stderr
    assert "from step 2 on rewards are those of reward_function-from-step-00002.py" in done.stdout
    run = place / "run"
    assert (run / "reward_function.py").read_text() == REWARD.format(1)
    assert (run / "reward_function-from-step-00002.py").read_text() == REWARD.format(2)
    rewards = [
        {
            p["reward"]
            for g in groups(run / f"rollouts/step-0000{s}.jsonl.gz")
            for p in g["programs"]
        }
        for s in (1, 2)
    ]
    assert rewards == [{1.0}, {2.0}]
    done = sparring_here("train", "--resume", "--run-dir", str(run), "--set", "training.steps=3")
    assert "has changed since" not in done.stdout  # nothing new


def groups(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def packed(*found: Any) -> bytes:
    return gzip.compress("".join(json.dumps(x) + "\n" for x in found).encode())


def journal(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """The coder's responses of a step to come, as the last step's, with a change."""

    def write(run: Path) -> None:
        source = groups(run / "rollouts/step-00001.jsonl.gz")
        (run / "journal").mkdir(exist_ok=True)
        found = [
            {"task": g["task"]["id"], "index": i, **p}
            for g in source
            for i, p in enumerate(g["programs"])
        ]
        lines = "".join(json.dumps(change(x)) + "\n" for x in found)
        (run / "journal/step-00002.coder.jsonl").write_text(lines)

    return write


def text(name: str, written: str) -> Callable[[Path], None]:
    return lambda run: void((run / name).write_text(written))


def void(_: object) -> None:
    pass


def rollouts(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """The recorded step, to be learned from again, with a change to each program."""

    def write(run: Path) -> None:
        shutil.rmtree(run / "checkpoints")
        path = run / "rollouts/step-00001.jsonl.gz"
        found = groups(path)
        for g in found:
            g["programs"] = [change(p) for p in g["programs"]]
        path.write_bytes(packed(*found))

    return write


STATE = "checkpoints/step-00001/state.json"
OTHER_RECORDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "journal of other prompts": (
        journal(lambda g: {**g, "prompt_ids": g["prompt_ids"][:-1]}),
        "does not answer the prompts of its step",
    ),
    "journal of other tasks": (
        journal(lambda g: {**g, "task": "none"}),
        "does not answer the prompts of its step",
    ),
    "journal of more responses": (
        journal(lambda g: {**g, "index": 10**6}),
        "does not answer the prompts of its step",
    ),
    "journal of something else": (journal(lambda g: {"a": 1}), "not of this version's form"),
    "unequal lengths": (
        rollouts(lambda p: {**p, "logprobs": [0.0]}),
        "has different numbers of tokens and log-probs",
    ),
    "no tokens": (
        rollouts(lambda p: {**p, "token_ids": [], "logprobs": []}),
        "response has no tokens",
    ),
    "unknown tokens": (
        rollouts(lambda p: {**p, "token_ids": [10**6] * len(p["token_ids"])}),
        "tokens that the model does not know",
    ),
    "no groups": (
        lambda run: void(
            (shutil.rmtree(run / "checkpoints"),
             (run / "rollouts/step-00001.jsonl.gz").write_bytes(gzip.compress(b"")))
        ),
        "damaged (no records)",
    ),
    "metrics": (text("metrics.jsonl", '{"a": 1}\n'), "metrics.jsonl: a record is not"),
    "deep metrics": (text("metrics.jsonl", "[" * 99_999 + "\n"), "line 1 is damaged"),
    "timing": (text("timing.jsonl", '{"seconds": null}\n'), "timing.jsonl: a record is not"),
    "evaluation": (text("evaluations/step-00000.json", "[]"), "step-00000.json: a record is not"),
    "start": (text("start.jsonl", '{"a": 1}\n'), "start.jsonl: a record is not"),
    "pool of others": (
        lambda run: void(
            (run / "pool.jsonl.gz").write_bytes(packed({"task": "x", "programs": []}))
        ),
        "not of these held-out tasks",
    ),
    "pool": (
        lambda run: void((run / "pool.jsonl.gz").write_bytes(packed({"task": "x"}))),
        "the pool of programs: a record is not",
    ),
    "pool of numbers": (
        lambda run: void((run / "pool.jsonl.gz").write_bytes(packed(3))),
        "pool.jsonl.gz: is damaged (line 1); remove it, then --resume",
    ),
    "state": (text(STATE, "[]"), "is damaged"),
    "state of another step": (
        text(STATE, '{"step": 2, "tokens": 1, "refused": [], "sha256": {}}'),
        "state.json is of step 2",
    ),
    "replay": (text("replay.json", "{}"), "replay.json: a record is not"),
    "inputs": (text("inputs.json", "{}"), "inputs.json: a record is not"),
    "recipe": (text("recipe.json", "[" * 99_999), "recipe.json is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_RECORDS)
def test_a_record_that_is_not_the_runs_own_is_one_clear_line(name: str, place: Path) -> None:
    change, expected = OTHER_RECORDS[name]
    change(place / "run")
    done = resumed(place)
    assert done.returncode == 1
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_names_that_are_no_steps_are_passed_over(place: Path) -> None:
    for name in ("checkpoints/step-abcde", "checkpoints/step-00001-copy", "checkpoints/step-9"):
        (place / "run" / name).mkdir()
    (place / "run/rollouts/step-abcde.jsonl.gz").touch()
    (place / "run/evaluations/step-abcde.json").touch()
    done = resumed(place)
    assert done.returncode == 0, done.stderr
    done = sparring_here("train", "--replay", str(place / "run"), "--run-dir", str(place / "again"))
    assert done.returncode == 0, done.stderr


def test_a_resume_to_fewer_steps_than_were_made_is_refused(place: Path) -> None:
    assert resumed(place).returncode == 0
    (place / "run/summary.json").unlink()
    before = records(place / "run", "metrics.jsonl")
    done = sparring_here(
        "train", "--resume", "--run-dir", str(place / "run"), "--set", "training.steps=1"
    )
    assert done.returncode == 2
    assert "training.steps is 1, but the run has a checkpoint of step 2" in done.stderr
    assert records(place / "run", "metrics.jsonl") == before
    assert json.loads((place / "run/recipe.json").read_text())["training"]["steps"] == 2
