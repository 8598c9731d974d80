"""Runs of two processes: replays that equal those of one, checkpoints that pass between them, a
live run, and a process that is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sparring.learner.settings import Sharding
from tests.processes import ended, started
from tests.training.runs import command, records, same_run, sparring_here

LEARNS = ("--set", "learning.learning_rate=1e-4", "--set", "training.checkpoint_every=1")


def two(*arguments: str) -> list[tuple[int, str, str]]:
    return ended(started(["sparring.cli", "train", *arguments]))


def fine(processes: list[tuple[int, str, str]]) -> None:
    for code, out, err in processes:
        assert code == 0, out + err
    assert processes[1][1:] == ("", "")  # the first speaks for all


@pytest.fixture(scope="module")
def one(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded run, learned from again by one process."""
    path = tmp_path_factory.mktemp("replays") / "one"
    done = sparring_here(
        "train", "--replay", str(run), "--run-dir", str(path), *LEARNS,
        "--set", "training.keep_checkpoints=4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


def same_learning(found: Path, expected: Path, step: int) -> None:
    places = [p / "checkpoints" / f"step-{step:05d}" for p in (found, expected)]
    a, b = (load_file(p / "model.safetensors") for p in places)
    assert a.keys() == b.keys()
    for name in b:
        torch.testing.assert_close(a[name], b[name], atol=1e-5, rtol=0, msg=name)
    s, t = (torch.load(p / "optimizer.pt", weights_only=True) for p in places)
    assert s["param_groups"] == t["param_groups"]
    for number, values in t["state"].items():
        for key, value in values.items():
            torch.testing.assert_close(s["state"][number][key], value, atol=1e-6, rtol=0)
    for mine, other in zip(*(records(p, "metrics.jsonl") for p in (found, expected)), strict=True):
        for role in ("coder", "tester"):
            assert mine[role]["loss"] == pytest.approx(other[role]["loss"], abs=1e-5)
            for name in ("tokens_trained", "groups_trained", "optimizer_steps"):
                assert mine[role][name] == other[role][name]


@pytest.mark.parametrize(
    ("sharding", "later"),
    [
        (Sharding.FSDP, Sharding.DDP),
        pytest.param(Sharding.DDP, Sharding.FSDP, marks=pytest.mark.slow),
    ],
)
def test_two_replay_as_one_and_each_takes_up_the_others_checkpoint(
    run: Path, one: Path, tmp_path: Path, sharding: Sharding, later: Sharding
) -> None:
    """Two make two steps, one the third, two the fourth in the other way."""
    path, chosen = tmp_path / "two", ("--set", f"training.sharding={sharding}")
    steps = ("--set", "training.steps=2")
    fine(two("--replay", str(run), "--run-dir", str(path), *LEARNS, *steps, *chosen))
    resume = ("--resume", "--run-dir", str(path), "--set")
    done = sparring_here("train", *resume, "training.steps=3")
    assert done.returncode == 0, done.stderr
    assert f"training.sharding is {sharding}, but only one process runs" in done.stdout
    fine(two(*resume, "training.steps=4", "--set", f"training.sharding={later}"))
    same_learning(path, one, 4)


def lost_and_resumed(path: Path) -> str:
    """A live run whose second process is killed in its second step, gone on with to its end.
    What the first process said of it."""
    live = command(path, training__sharding="fsdp", training__steps="2")
    first, second = started(live[2:])
    deadline = time.monotonic() + 200
    while not (path / "metrics.jsonl").exists() or not records(path, "metrics.jsonl"):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(second.pid, signal.SIGKILL)
    (code, _, err), _ = ended([first, second])
    assert code == 1, err
    fine(two("--resume", "--run-dir", str(path)))
    return err


@pytest.mark.slow
def test_a_lost_process_ends_the_run_with_one_line_and_resume_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "live"
    err = lost_and_resumed(path)
    assert "another process has ended or does not answer" in err
    assert f"--resume --run-dir {path}" in err
    assert len(err.strip().splitlines()) == 1, err
    metrics = records(path, "metrics.jsonl")
    assert [m["step"] for m in metrics] == [1, 2]
    # The first process has sampled from the weights that all of them have learned.
    assert all(m[role]["logprob_gap_max"] < 1e-4 for m in metrics for role in ("coder", "tester"))
    assert json.loads((path / "summary.json").read_text())["steps"] == 2
    assert json.loads((path / "environment.json").read_text())["processes"] == 2


@pytest.mark.slow
def test_a_run_that_lost_a_process_ends_like_one_that_did_not(tmp_path: Path) -> None:
    whole = command(tmp_path / "whole", training__sharding="fsdp", training__steps="2")
    fine(ended(started(whole[2:])))
    lost_and_resumed(tmp_path / "lost")
    same_run(tmp_path / "lost", tmp_path / "whole")


REFUSED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no sharding": (("--set", "training.sharding=none"), 2, "2 processes were started, but"),
    "an unknown key": (("--set", "training.shard=ddp"), 2, "did you mean training.sharding?"),
    "no such model": (
        ("--set", "training.sharding=ddp", "--set", "model.path=/nowhere"),
        1,
        "/nowhere: there is no such directory",
    ),
    "a dry run": (("--dry-run",), 2, "--dry-run is for one process"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_once(tmp_path: Path, name: str) -> None:
    changes, code, expected = REFUSED[name]
    found = two("--run-dir", str(tmp_path / "run"), *changes)
    assert found[0][0] == code
    assert expected in found[0][2]
    assert len(found[0][2].strip().splitlines()) == 1
    assert found[1][1:] == ("", "")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": "2"}, "RANK is ''"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2 and WORLD_SIZE 2"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR is not set"),
    ],
)
def test_variables_without_sense_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, Any], expected: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = sparring_here("train", "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_torchrun_starts_a_live_run_that_ends_like_one_of_one_process(
    run: Path, tmp_path: Path
) -> None:
    """The first step's responses are those of the initial model, so they are the same."""
    path = tmp_path / "live"
    [python, _, _, *arguments] = command(path, training__sharding="ddp", training__steps="2")
    done = subprocess.run(
        [python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "sparring.cli", *arguments],
        capture_output=True, text=True, check=False,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rollouts = "rollouts/step-00001.jsonl.gz"
    assert (path / rollouts).read_bytes() == (run / rollouts).read_bytes()
    assert [m["step"] for m in records(path, "metrics.jsonl")] == [1, 2]


@pytest.mark.slow
def test_asynchronous_rollouts_sample_from_sharded_weights(tmp_path: Path) -> None:
    """The full copy that asynchronous rollouts sample from is the first process's own. A run in two
    parts, the second by other processes, samples the same as a run in one part."""
    settings = {
        "training__sharding": "fsdp",
        "training__max_async_level": "1",
        "learning__old_logprobs": "recomputed",
        "learning__tis_cap": "2",
        "training__checkpoint_every": "1",
    }
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fine(two(*command(whole, **settings, training__steps="3")[4:]))
    fine(two(*command(parts, **settings, training__steps="2")[4:]))
    fine(two("--resume", "--run-dir", str(parts), "--set", "training.steps=3"))
    for name in ("metrics.jsonl", "rollouts/step-00003.jsonl.gz"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
