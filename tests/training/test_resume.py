"""Runs that end badly go on as if nothing had happened: kills, interrupts, full disks."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Forked
from tests.training.runs import command, finished, finished_apart, records, same_run, sparring_here


def test_the_same_recipe_gives_the_same_files(run: Path, tmp_path: Path) -> None:
    """The other was made in another process."""
    finished(command(tmp_path / "again"))
    same_run(run, tmp_path / "again")


def test_an_adapters_checkpoint_is_the_same_in_every_process(tmp_path: Path) -> None:
    settings = {
        "model__lora_rank": "4",
        "learning__mode": "separate",
        "training__steps": "1",
        "training__checkpoint_every": "1",
    }
    finished(command(tmp_path / "here", **settings))
    # the order of Python's sets: another seed than this process has, if it has a fixed one
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    finished_apart(command(tmp_path / "there", **settings), PYTHONHASHSEED=seed)
    same_run(tmp_path / "here", tmp_path / "there")


def test_an_interrupted_run_resumes_to_the_same_files(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    process = Forked(command(path)[2:])
    _wait_for(lambda: (path / "metrics.jsonl").exists(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    for extra in set((path / "checkpoints").iterdir()) - {
        path / "checkpoints" / c.name for c in (run / "checkpoints").iterdir()
    }:
        shutil.rmtree(extra)  # the one that the interrupt made
    same_run(run, path)


@pytest.mark.parametrize(
    ("seed", "kills"), [(0, 3), pytest.param(1, 20, marks=pytest.mark.slow)], ids=["3", "20"]
)
def test_killed_at_random_moments_it_always_resumes(
    run: Path, tmp_path: Path, seed: int, kills: int
) -> None:
    rng = random.Random(seed)
    path = tmp_path / "killed"
    start = command(path)
    resume = [sys.executable, "-m", "sparring.cli", "train", "--resume", "--run-dir", str(path)]
    done = 0
    while done < kills:
        begun = (path / "recipe.json").exists()
        process = Forked((resume if begun else start)[2:])
        _wait_for(lambda: (path / "lock").exists(), process)
        time.sleep(rng.uniform(0.0, 6.0))
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        done += process.returncode != 0
        if process.returncode == 0 and done < kills:  # ended before the kill: once more
            same_run(run, path)
            shutil.rmtree(path)
    if (path / "recipe.json").exists():
        finished(resume)
    else:
        shutil.rmtree(path, ignore_errors=True)
        finished(start)
    same_run(run, path)


def test_nothing_on_record_is_sampled_or_run_again(run: Path, tmp_path: Path) -> None:
    """The last step was recorded, and lost before it was learned from."""
    path = tmp_path / "cut"
    shutil.copytree(run, path)
    shutil.rmtree(path / "checkpoints" / "step-00004")
    lines = (path / "timing.jsonl").read_text()
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    added = [json.loads(x) for x in (path / "timing.jsonl").read_text()[len(lines) :].splitlines()]
    assert [t["step"] for t in added] == [3, 4]
    assert all("reading" in t["phases"] and "sampling" not in t["phases"] for t in added)
    same_run(run, path)


def test_a_changed_record_is_noticed(run: Path, tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "changed"
    shutil.copytree(run, path)
    shutil.rmtree(path / "checkpoints" / "step-00004")
    file = path / "rollouts" / "step-00003.jsonl.gz"
    groups = [json.loads(x) for x in gzip.decompress(file.read_bytes()).splitlines()]
    groups[0]["programs"][0]["reward"] += 1
    file.write_bytes(gzip.compress("".join(json.dumps(g) + "\n" for g in groups).encode()))
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 1
    assert "the rewards of step 3 differ from those recorded" in done.stderr


def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_after_it(
    run: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small disk")
    try:
        path = disk / "run"
        done = sparring_here(*command(path)[3:])
        assert done.returncode == 1, done.stdout
        assert "the disk is full; make room, then add --resume to go on" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        done = sparring_here("train", "--resume", "--run-dir", str(path))
        assert done.returncode == 0, done.stderr
        same_run(run, path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_unwritable_run_directory_is_one_clear_line(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    shutil.copytree(run, path)
    shutil.rmtree(path / "checkpoints" / "step-00004")
    disk = subprocess.run(
        ["mount", "--bind", str(path), str(path)], capture_output=True, check=False
    )
    if disk.returncode != 0:
        pytest.skip("no right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)
        done = sparring_here("train", "--resume", "--run-dir", str(path))
        assert done.returncode == 1
        assert "cannot be written: Read-only file system" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    finally:
        subprocess.run(["umount", str(path)], check=True)
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    same_run(run, path)


def cut(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def flip_a_bit(path: Path) -> None:
    """Where it loads without a complaint: near the end, in the numbers."""
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)


LAST = "checkpoints/step-00004/"
DAMAGE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "cut optimiser": (LAST + "optimizer.pt", cut(1000), "damaged"),
    "empty optimiser": (LAST + "optimizer.pt", cut(0), "damaged"),
    "flipped optimiser": (LAST + "optimizer.pt", flip_a_bit, "has a wrong checksum"),
    "cut state": (LAST + "state.json", cut(5), "damaged"),
    "cut weights": (LAST + "model.safetensors", cut(1000), "damaged"),
    "flipped weights": (LAST + "model.safetensors", flip_a_bit, "has a wrong checksum"),
    "no chat template": (
        LAST + "chat_template.jinja",
        Path.unlink,
        "chat_template.jinja is missing",
    ),
    "cut recipe": ("recipe.json", cut(1), "damaged"),
    "empty pool": ("pool.jsonl.gz", cut(0), "damaged (empty file)"),
    "no pool": ("pool.jsonl.gz", Path.unlink, "put a copy back"),
    "no start": ("evaluations/step-00000.json", Path.unlink, "put a copy back"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_clear_line(run: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "run"
    shutil.copytree(run, path)
    file, damage, expected = DAMAGE[name]
    damage(path / file)
    done = sparring_here("train", "--resume", "--run-dir", str(path), "--set", "training.steps=5")
    assert done.returncode == 1
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_an_empty_record_is_damage_not_a_step_without_tasks(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(run, path)
    shutil.rmtree(path / "checkpoints/step-00004")
    target = path / "rollouts/step-00004.jsonl.gz"
    os.truncate(target, 0)
    done = sparring_here("train", "--resume", "--run-dir", str(path), "--set", "training.steps=5")
    assert done.returncode == 1
    assert "is damaged (empty file)" in done.stderr
    target.unlink()
    done = sparring_here("train", "--resume", "--run-dir", str(path), "--set", "training.steps=5")
    assert done.returncode == 0, done.stderr


def test_a_resume_may_change_what_no_step_depends_on(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "longer"
    shutil.copytree(run, path)
    done = sparring_here(
        "train", "--resume", "--run-dir", str(path), "--set", "learning.kl_coef=0.5"
    )
    assert done.returncode == 2
    assert (
        "learning.kl_coef cannot change in the middle of a run; keys that can: training.steps"
        in (done.stderr)
    )
    done = sparring_here(
        "train", "--resume", "--run-dir", str(path),
        "--set", "training.steps=5", "--set", "monitors.length=0.5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [m["step"] for m in records(path, "metrics.jsonl")] == [1, 2, 3, 4, 5]
    assert [a["monitor"] for a in records(path, "metrics.jsonl")[-1]["alarms"]] == [
        "coder_length",
        "tester_length",
    ]
    assert [e["step"] for e in records(path, "evaluations.jsonl")] == [0, 2, 4, 5]


def test_a_finished_run_is_left_alone(run: Path) -> None:
    before = (run / "summary.json").read_bytes()
    done = sparring_here("train", "--resume", "--run-dir", str(run))
    assert done.returncode == 0, done.stderr
    assert "the run is finished" in done.stdout
    assert (run / "summary.json").read_bytes() == before


def test_every_step_is_in_the_metrics_once(run: Path) -> None:
    assert [m["step"] for m in records(run, "metrics.jsonl")] == [1, 2, 3, 4]


def _wait_for(condition: Any, process: Forked) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_gradient_that_explodes_is_skipped_once_then_the_run_stops(tmp_path: Path) -> None:
    path = tmp_path / "wild"
    done = sparring_here(*command(path, learning__skip_grad_norm="1e-9")[3:])
    assert done.returncode == 1
    assert (
        "step 1: the gradient is not finite or its norm exceeds learning.skip_grad_norm"
        in done.stdout
    )
    assert "for the second time (first in step 1)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [m["step"] for m in records(path, "metrics.jsonl")] == [1]
    assert (path / "rollouts" / "step-00002.jsonl.gz").exists()
    # the command it names, with a bound that the gradient keeps
    assert f"sparring train --replay {path} --run-dir NEW" in done.stderr
    again = sparring_here(
        "train", "--replay", str(path), "--run-dir", str(tmp_path / "new"),
        "--set", "learning.skip_grad_norm=1e6",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert [m["refused"] for m in records(tmp_path / "new", "metrics.jsonl")] == [0, 0]
