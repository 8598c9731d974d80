"""Asynchronous rollouts: whose weights made them, and that a run is the same however it was
stopped."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sparring.runs.reader import open_run, step_file
from tests.forks import Forked
from tests.training.runs import command, finished, records, same_run, sparring_here

ASYNCHRONOUS = {
    "training__max_async_level": "1",
    "learning__old_logprobs": "recomputed",
    "learning__tis_cap": "2",
    "learning__learning_rate": "1e-3",
}


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps, with checkpoints of the second and the fourth."""
    path = tmp_path_factory.mktemp("asynchronous") / "run"
    finished(command(path, **ASYNCHRONOUS))
    return path


def sampled(run: Path, step: int) -> list[Any]:
    """Every token of a step and how likely it was: what shows the weights."""
    return [
        [(r["token_ids"], r["logprobs"]) for r in (*g["programs"], *g["tests"])]
        for g in open_run(run).read_packed(step_file("rollouts", step))
    ]


def resumed(path: Path, *more: str) -> None:
    done = sparring_here("train", "--resume", "--run-dir", str(path), *more)
    assert done.returncode == 0, done.stderr


def cut_off(run: Path, path: Path, first_lost: int) -> None:
    """``path`` becomes ``run`` as it was when step ``first_lost`` had not been recorded."""
    shutil.copytree(run, path)
    for file in (path / "checkpoints/step-00004", path / "evaluations/step-00004.json"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    for name in ("summary.json", "curves.svg", "curves.png"):
        (path / name).unlink(missing_ok=True)
    for step in range(first_lost, 5):
        (path / step_file("rollouts", step)).unlink()


def test_a_step_is_sampled_with_the_weights_of_two_steps_before(
    finished_run: Path, tmp_path: Path
) -> None:
    """Another step size changes what step 1 leaves, and with it what step 3 samples; without
    with asynchronous rollouts it changes step 2."""
    other, now = tmp_path / "other", tmp_path / "now"
    short = {"training__steps": "3", "evaluation__every": "9"}
    finished(command(other, **{**ASYNCHRONOUS, **short, "learning__learning_rate": "1e-5"}))
    assert [sampled(other, s) == sampled(finished_run, s) for s in (1, 2, 3)] == [True, True, False]
    finished(
        command(
            now,
            **{**ASYNCHRONOUS, **short, "training__max_async_level": "0", "training__steps": "2"},
        )
    )
    # Tokens alone: a copy of the weights lies elsewhere in memory, which changes rounding.
    same = [
        [[r[0] for r in g] for g in sampled(now, s)]
        == [[r[0] for r in g] for g in sampled(finished_run, s)]
        for s in (1, 2)
    ]
    assert same == [True, False]


@pytest.mark.parametrize("lost", [3, 4], ids=["from the checkpoint's copy", "from the checkpoint"])
def test_a_step_that_was_lost_is_sampled_again_with_the_same_weights(
    finished_run: Path, tmp_path: Path, lost: int
) -> None:
    """The checkpoint is of step 2: step 3 comes from the weights of step 1, step 4 from those of
    step 2."""
    cut_off(finished_run, tmp_path / "cut", lost)
    resumed(tmp_path / "cut")
    same_run(finished_run, tmp_path / "cut")


def test_responses_in_flight_when_the_run_was_killed_are_kept(
    finished_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut"
    cut_off(finished_run, path, 4)
    groups = open_run(finished_run).read_packed(step_file("rollouts", 4))
    found = [
        {"task": g["task"]["id"], "index": i, **{k: p[k] for k in KEPT}}
        for g in groups
        for i, p in enumerate(g["programs"])
    ]
    found[0]["logprobs"] = [-9.0] * len(found[0]["token_ids"])  # as no sampler would find them
    lines = [json.dumps(x) for x in found]
    (path / "journal").mkdir(exist_ok=True)
    torn = "\n".join(lines[:5]) + "\n" + lines[5][:20]
    (path / "journal/step-00004.coder.jsonl").write_text(torn)
    resumed(path)
    again = open_run(path).read_packed(step_file("rollouts", 4))
    assert again[0]["programs"][0]["logprobs"] == found[0]["logprobs"]
    again[0]["programs"][0]["logprobs"] = groups[0]["programs"][0]["logprobs"]
    assert [[p["logprobs"] for p in g["programs"]] for g in again] == [
        [p["logprobs"] for p in g["programs"]] for g in groups
    ]


KEPT = ("prompt_ids", "token_ids", "logprobs", "stop", "text")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(
            {
                "model__lora_rank": "4",
                "model__adapters": "per_role",
                "tasks__curriculum": "pass_rate",
                "sampling__skip_unlabelled": "true",
                "sampling__extra_attempts": "1",
            },
            id="adapters, curriculum, rounds",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"learning__frozen": "tester", "learning__mode": "separate"},
            id="frozen, separate",
            marks=pytest.mark.slow,
        ),
        pytest.param({"model__precision": "bfloat16"}, id="bfloat16", marks=pytest.mark.slow),
    ],
)
def test_a_run_in_two_parts_is_the_run_in_one(tmp_path: Path, more: dict[str, str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settings = {**ASYNCHRONOUS, **more}
    finished(command(whole, **settings))
    finished(command(parts, **{**settings, "training__steps": "2"}))
    resumed(parts, "--set", "training.steps=4")
    same_run(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "kills"), [(0, 2), (1, 15)], ids=["2", "15"])
def test_killed_at_random_moments_it_always_resumes(
    finished_run: Path, tmp_path: Path, seed: int, kills: int
) -> None:
    rng, path = random.Random(seed), tmp_path / "killed"
    resume = [sys.executable, "-m", "sparring.cli", "train", "--resume", "--run-dir", str(path)]
    for _ in range(kills):
        line = resume if (path / "recipe.json").exists() else command(path, **ASYNCHRONOUS)
        process = Forked(line[2:])
        while not (path / "lock").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 8.0))
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
    if (path / "recipe.json").exists():
        finished(resume)
    else:
        shutil.rmtree(path, ignore_errors=True)
        finished(command(path, **ASYNCHRONOUS))
    same_run(finished_run, path)


def test_an_interrupted_run_leaves_what_is_in_flight_and_resumes(
    finished_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken"
    process = Forked(command(path, **ASYNCHRONOUS)[2:])
    while not (path / step_file("rollouts", 1)).exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "stopped after step" in err
    assert "Traceback" not in err
    resumed(path)
    for extra in {p.name for p in (path / "checkpoints").iterdir()} - {"step-00002", "step-00004"}:
        shutil.rmtree(path / "checkpoints" / extra)
    same_run(finished_run, path)


def test_a_failure_in_flight_is_one_clear_line(
    finished_run: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    from sparring.errors import SandboxError
    from sparring.sandbox.caller.pool import Sandbox

    def broken(self: Any, jobs: Any) -> Any:
        raise SandboxError("a worker could not be replaced: no memory.")

    path = tmp_path / "cut"
    cut_off(finished_run, path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "run", broken)
        done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 1
    assert done.stderr == "sparring: a worker could not be replaced: no memory.\n"
    resumed(path)
    same_run(finished_run, path)


def test_a_replay_needs_no_older_weights(finished_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    done = sparring_here("train", "--replay", str(finished_run), "--run-dir", str(again))
    assert "the weights are the same as those of" in done.stdout, done.stderr
    assert not list(again.rglob("behind.pt"))


def test_older_weights_show_as_a_gap_without_an_alarm_from_the_second_step(
    finished_run: Path,
) -> None:
    gaps = [r["coder"]["logprob_gap"] for r in records(finished_run, "metrics.jsonl")]
    assert gaps[0] < 1e-4
    assert all(g > 1e-3 for g in gaps[1:])


def test_a_checkpoint_without_the_older_weights_is_damaged(
    finished_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut"
    cut_off(finished_run, path, 3)
    (path / "checkpoints/step-00002/behind.pt").unlink()
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 1
    assert "behind.pt is missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("training.max_async_level=1",), "set learning.old_logprobs = "),
        (
            ("training.max_async_level=1", "learning.old_logprobs=recomputed"),
            "learning.tis_cap, such",
        ),
        (
            (
                "training.max_async_level=1",
                "learning.old_logprobs=recomputed",
                "learning.tis_cap=2",
                "learning.kl_place=reward",
            ),
            "set learning.kl_place = loss",
        ),
        (("training.max_async_level=2",), "training.max_async_level"),
    ],
)
def test_what_would_be_off_policy_unseen_is_refused(changes: tuple[str, ...], said: str) -> None:
    done = sparring_here("config", *(x for c in changes for x in ("--set", c)))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_run_cannot_become_asynchronous_in_the_middle(run: Path) -> None:
    more = [x for k, v in ASYNCHRONOUS.items() for x in ("--set", f"{k.replace('__', '.')}={v}")]
    done = sparring_here("train", "--resume", "--run-dir", str(run), *more)
    assert done.returncode == 2
    assert "training.max_async_level" in done.stderr
