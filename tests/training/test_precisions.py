"""Runs in bfloat16: what a checkpoint holds, and that a run goes on from it as if never stopped."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sparring.config.load import make_recipe
from sparring.config.recipe import Recipe
from sparring.learner.samples import Sample, SampleGroup
from sparring.runs.directory import RunDir
from sparring.schema import Role
from sparring.training.state import checkpoints
from sparring.training.state import trainer as trainer_module
from sparring.training.state.trainer import BOTH, Trainer
from tests.forks import Forked
from tests.training.runs import command, finished, same_run

WHOLE: dict[str, Any] = {"learning": {"learning_rate": 1e-5}, "training": {"threads": 1}}
LORA = WHOLE | {"model": {"lora_rank": 4}}
PER_ROLE = WHOLE | {"model": {"lora_rank": 4, "adapters": "per_role"}}
EACH = pytest.mark.parametrize("settings", [WHOLE, LORA, PER_ROLE], ids=["whole", "lora", "roles"])


def recipe(settings: dict[str, Any], precision: str) -> Recipe:
    model = {**settings.get("model", {}), "precision": precision}
    return make_recipe({**settings, "model": model}, (), "test")


def groups(seed: int) -> list[SampleGroup]:
    rng = random.Random(seed)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(5, 60) for _ in range(length))

    def of(role: Role) -> SampleGroup:
        samples = [Sample(ids(n), (-2.0,) * n, rng.uniform(-1, 1)) for n in (3, 9, 6)]
        return SampleGroup(role, ids(7), 1.0, tuple(samples))

    return [of(role) for role in Role]


def step(trainer: Trainer) -> None:
    trainer.step += 1
    trainer.learner.update(groups(trainer.step))


def files(run: RunDir, step: int) -> dict[str, bytes]:
    place = run.path / "checkpoints" / f"step-{step:05d}"
    return {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}


@EACH
def test_going_on_from_a_checkpoint_is_going_on(settings: dict[str, Any], tmp_path: Path) -> None:
    made = recipe(settings, "bfloat16")
    trainer, whole, parts = (
        Trainer(made),
        RunDir.create(tmp_path / "a"),
        RunDir.create(tmp_path / "b"),
    )
    step(trainer)
    step(trainer)
    checkpoints.save(trainer, parts)
    step(trainer)
    checkpoints.save(trainer, whole)
    other = Trainer(made)
    checkpoints.restore(other, parts.path / "checkpoints" / "step-00002")
    step(other)
    checkpoints.save(other, parts)
    assert files(whole, 3) == files(parts, 3)
    weights = [n for n in files(whole, 3) if n.endswith(".safetensors")]
    for name in weights:
        place = whole.path / "checkpoints" / "step-00003" / name
        assert {t.dtype for t in load_file(place).values()} == {torch.float32}
    assert weights


@pytest.mark.parametrize("settings", [WHOLE, PER_ROLE], ids=["whole", "roles"])
def test_a_checkpoint_of_one_precision_is_taken_up_in_the_other(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """Nothing of what has been learned is rounded; under an adapter the frozen weights are."""
    first = Trainer(recipe(settings, "float32"))
    step(first)
    run = RunDir.create(tmp_path / "run")
    checkpoints.save(first, run)
    rough = Trainer(recipe(settings, "bfloat16"))
    checkpoints.restore(rough, run.path / "checkpoints" / "step-00001")
    again = RunDir.create(tmp_path / "again")
    checkpoints.save(rough, again)
    before, after = files(run, 1), files(again, 1)
    assert before["optimizer.pt"] == after["optimizer.pt"]
    learned = [n for n in before if ("adapter" in n or settings is WHOLE) and "safetensors" in n]
    assert learned
    assert all(before[n] == after[n] for n in learned)
    back = Trainer(recipe(settings, "float32"))
    checkpoints.restore(back, again.path / "checkpoints" / "step-00001")
    for own, theirs in zip(
        back.learner.masters.parameters, first.learner.masters.parameters, strict=True
    ):
        assert torch.equal(own, theirs)
    step(rough)  # and it goes on


@pytest.mark.parametrize("max_async_level", [0, 1])
def test_a_checkpoint_of_a_gpu_is_taken_up_without_one(
    max_async_level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed = {"old_logprobs": "recomputed", "tis_cap": 2.0}
    made = recipe(
        {"learning": weighed, "training": {"threads": 1, "max_async_level": max_async_level}},
        "bfloat16",
    )
    trainer, run = Trainer(made), RunDir.create(tmp_path / "run")
    if max_async_level:
        trainer.behaviour = trainer.snapshot()
    step(trainer)
    with monkeypatch.context() as patched:  # as torch marks tensors that are on a GPU
        patched.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        checkpoints.save(trainer, run)
    place = run.path / "checkpoints" / "step-00001"
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA"):
            torch.load(place / "optimizer.pt", weights_only=True)
    other = Trainer(made)
    if max_async_level:
        other.behaviour = other.snapshot()
    checkpoints.restore(other, place)
    step(trainer)
    step(other)
    for one, two in zip(
        trainer.learner.masters.parameters, other.learner.masters.parameters, strict=True
    ):
        assert torch.equal(one, two)


def test_a_shared_gpu_has_its_memory_back_after_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[torch.device] = []
    monkeypatch.setattr(trainer_module, "give_back", given.append)
    for share, times in (("false", 0), ("true", 1)):
        changes = ("sampling.engine=vllm", f"vllm.share_gpu={share}", "learning.kl_coef=0.0")
        trainer = Trainer(make_recipe({}, changes, "test"))
        assert trainer.learner.shares_device is (share == "true")
        trainer.export(BOTH, tmp_path / share, torch.bfloat16)
        assert given == [trainer.distributed.device] * times


@pytest.mark.slow
@pytest.mark.parametrize("lora_rank", ["0", "4"])
def test_killed_at_random_moments_a_run_in_bfloat16_always_resumes(
    lora_rank: str, tmp_path: Path
) -> None:
    settings = {"model__precision": "bfloat16", "model__lora_rank": lora_rank}
    whole, path = tmp_path / "whole", tmp_path / "killed"
    finished(command(whole, **settings))
    rng, done = random.Random(int(lora_rank)), 0
    resume = [sys.executable, "-m", "sparring.cli", "train", "--resume", "--run-dir", str(path)]
    while done < 3:
        begun = (path / "recipe.json").exists()
        process = Forked((resume if begun else command(path, **settings))[2:])
        while not (path / "lock").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 6.0))
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        done += 1
    finished(resume if (path / "recipe.json").exists() else command(path, **settings))
    same_run(whole, path)
