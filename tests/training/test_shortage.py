"""Not enough memory, no room for the output: one line, and the run goes on with less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.errors import RunError
from sparring.learner.passes import OnPass
from sparring.learner.update import Learner
from sparring.training.memory import enough_memory
from tests.forks import Forked
from tests.training.runs import command, records, sparring_here

ON_A_CPU = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 77 bytes.\nmore"
SETTINGS = {
    "sampling.max_batch_size": "24",
    "learning.tokens_per_micro_batch": "512",
    "model.gradient_checkpointing": "true",
}


def test_a_run_that_does_not_fit_goes_on_with_smaller_batches(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def too_much(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    path = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Learner, "update", too_much)
        done = sparring_here(*command(path, training__steps="1")[3:])
    assert done.returncode == 1
    assert "out of memory (CUDA out of memory." in done.stderr
    assert f"add these to --resume --run-dir {path}" in done.stderr
    assert all(key in done.stderr for key in SETTINGS)
    assert len(done.stderr.strip().splitlines()) == 1
    smaller = [x for k, v in SETTINGS.items() for x in ("--set", f"{k}={v}")]
    done = sparring_here("train", "--resume", "--run-dir", str(path), *smaller)
    assert done.returncode == 0, done.stderr
    timing = records(path, "timing.jsonl")
    assert ["sampling" in t["phases"] for t in timing if "step" in t] == [False]  # it was recorded


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(ON_A_CPU)])
def test_every_failed_allocation_is_one_line(error: Exception) -> None:
    with pytest.raises(RunError, match=r"^out of memory [^\n]*$"), enough_memory():
        raise error


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory():
        raise RuntimeError("shapes do not match")


def test_a_full_standard_output_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "run"
    process = Forked(command(path)[2:], out=Path("/dev/full"))
    _, err = process.communicate()
    assert process.returncode == 1
    assert err == "sparring: standard output cannot be written: No space left on device\n"


def test_a_run_directory_that_went_away_is_one_clear_line(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "run"
    update = Learner.update

    def moved(self: Learner, groups: Any, on_pass: OnPass) -> Any:
        path.rename(tmp_path / "elsewhere")
        return update(self, groups, on_pass)

    monkeypatch.setattr(Learner, "update", moved)
    done = sparring_here(*command(path)[3:])
    assert done.returncode == 1
    assert done.stderr == f"sparring: {path}: cannot be written: No such file or directory\n"
