"""Who plays whom, through the command line: frozen roles, an adapter per role, coder-only runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from sparring.config.load import make_recipe
from sparring.microworld import NANO_DIR
from sparring.runs.reader import open_run, step_file
from sparring.schema import Role
from sparring.training.rollouts.context import trial_context
from sparring.training.state import checkpoints
from sparring.training.state.trainer import Trainer
from tests.training.runs import command, records, same_run, sparring_here

FAST = {
    "learning__learning_rate": "3e-3",
    "training__steps": "2",
    "training__checkpoint_every": "1",
}
LORA = {"model__lora_rank": "4", "learning__learning_rate": "1e-2"}


def trained(path: Path, **changes: str) -> Path:
    done = sparring_here(*command(path, **{**FAST, **changes})[3:])
    assert done.returncode == 0, done.stderr
    return path


def start_responses(run: Path, role: Role, step: int) -> list[list[list[int]]]:
    """Return the initial model's responses to the prompts of a step, freshly loaded and sampled."""
    recipe = make_recipe(json.loads((run / "recipe.json").read_text()), (), "recipe")
    count = recipe.sampling.programs if role is Role.CODER else recipe.sampling.tests
    with trial_context(recipe, Trainer(recipe)) as context:
        prompts = context.prompts.of_step(step, context.order.batch(step, {}), role)
        return [[list(r.token_ids) for r in g] for g in context.policies.sample(prompts, count)]


def recorded(run: Path, role: Role, step: int) -> list[list[list[int]]]:
    key = "programs" if role is Role.CODER else "tests"
    rollouts = open_run(run).read_packed(step_file("rollouts", step))
    return [[r["token_ids"] for r in g[key]] for g in rollouts]


def figures(run: Path, step: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / f"evaluations/step-{step:05d}.json").read_text())
    return found["per_task"]


@pytest.mark.parametrize(
    ("role", "lora"),
    [  # each role and each kind of weights once, the other two pairs when there is time
        pytest.param(Role.CODER, LORA, id="coder-lora"),
        pytest.param(Role.TESTER, {}, id="tester-whole"),
        pytest.param(Role.CODER, {}, id="coder-whole", marks=pytest.mark.slow),
        pytest.param(Role.TESTER, LORA, id="tester-lora", marks=pytest.mark.slow),
    ],
)
def test_a_frozen_role_plays_as_the_start_model_and_learns_nothing(
    role: Role, lora: dict[str, str], tmp_path: Path
) -> None:
    run = trained(tmp_path / "run", learning__frozen=role.value, learning__kl_coef="0", **lora)
    other = next(r for r in Role if r is not role)
    assert recorded(run, role, 2) == start_responses(run, role, 2)
    assert recorded(run, other, 2) != start_responses(run, other, 2)
    for m in records(run, "metrics.jsonl"):
        assert m[role]["groups_trained"] == m[role]["optimizer_steps"] == 0
    assert sum(m[other]["groups_trained"] for m in records(run, "metrics.jsonl")) > 0
    own = {Role.CODER: "pass@1", Role.TESTER: "invalid_tests"}
    before, after = figures(run, 0), figures(run, 2)
    assert before[own[role]] == after[own[role]]
    path = run / "checkpoints" / "step-00002"
    assert (
        load_file(path / "model.safetensors").keys()
        == load_file(NANO_DIR / "model.safetensors").keys()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"learning__frozen": "tester"}, {**LORA, "model__adapters": "per_role"}]
)
def test_a_run_cut_off_resumes_to_the_same_files(changes: dict[str, str], tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", **changes)
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00002")
    (cut / "rollouts" / "step-00002.jsonl.gz").unlink()
    (cut / "evaluations" / "step-00002.json").unlink()
    done = sparring_here("train", "--resume", "--run-dir", str(cut))
    assert done.returncode == 0, done.stderr
    same_run(whole, cut)


def test_each_role_has_a_checkpoint_that_plays_as_it_does(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", **LORA, model__adapters="per_role")
    for m in records(run, "metrics.jsonl"):
        for role in Role:
            assert m[role]["logprob_gap_max"] < 1e-3
    recipe = make_recipe(json.loads((run / "recipe.json").read_text()), (), "recipe")
    trainer = Trainer(recipe)
    path = run / "checkpoints" / "step-00002"
    checkpoints.restore(trainer, path)
    ids = torch.tensor([[5, 9, 14, 3, 7]])
    logits = {}
    for role in Role:
        with torch.no_grad(), trainer.policy_for(role) as model:
            logits[role] = model(ids).logits
            plain = AutoModelForCausalLM.from_pretrained(path / role)(ids).logits
        torch.testing.assert_close(plain, logits[role], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits[Role.CODER], logits[Role.TESTER], atol=1e-3)
    again = sparring_here("train", "--replay", str(run), "--run-dir", str(tmp_path / "again"))
    assert "the weights are the same as those of" in again.stdout, again.stderr
    damaged = path / "adapter" / "tester" / "adapter_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\0\0\0\1")
    done = sparring_here("train", "--resume", "--run-dir", str(run), "--set", "training.steps=3")
    assert "adapter/tester/adapter_model.safetensors has a wrong checksum" in done.stderr


def test_a_tester_of_no_weight_teaches_nothing(tmp_path: Path) -> None:
    """Whatever its tests earn, the weights come out the same."""
    run = trained(tmp_path / "run", learning__tester_weight="0")
    for m in records(run, "metrics.jsonl"):
        assert m["tester"]["gradient_share"] == 0
        assert m["tester"]["reward_std"] is not None
    assert any(m["coder"]["gradient_share"] > 0 for m in records(run, "metrics.jsonl"))
    start = load_file(NANO_DIR / "model.safetensors")
    end = load_file(run / "checkpoints" / "step-00002" / "model.safetensors")
    assert any((start[k] != end[k]).any() for k in start)
    again = sparring_here(
        "train", "--replay", str(run), "--run-dir", str(tmp_path / "again"),
        "--set", "reward.validity_bonus=0", "--set", "reward.tester=simple",
    )  # fmt: skip
    assert "the weights are the same as those of" in again.stdout, again.stderr


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["model.adapters=per_role"], "needs a LoRA adapter: set lora_rank"),
        (["model.adapters=both"], "model.adapters"),
        (["learning.frozen=coder", "learning.tester_weight=0"], "nobody would learn"),
        (["learning.frozen=tester", "learning.coder_weight=0"], "nobody would learn"),
        (["learning.frozen=both"], "learning.frozen"),
    ],
)
def test_what_cannot_be_is_one_clear_line(changes: list[str], expected: str) -> None:
    done = sparring_here("config", *[x for c in changes for x in ("--set", c)])
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
