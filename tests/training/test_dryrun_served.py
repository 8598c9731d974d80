"""The dry run of a recipe whose responses come from servers, and whose weights would be sharded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.learner.passes import OnPass
from sparring.learner.samples import SampleGroup
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.policy.vllm.sampler import VllmSampler
from sparring.schema import Role
from tests.policy.fake_vllm import fake_environment
from tests.training.runs import SMALL, sparring_here

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_server_rests_while_it_learns_and_one_process_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/gpu.md has it: the recipe of a node, with a small model in the place of its own."""
    did: list[str] = []
    rest, update = VllmSampler.rest, Learner.update

    def rested(sampler: VllmSampler) -> None:
        did.append("rest")
        rest(sampler)

    def learned(
        learner: Learner, groups: list[SampleGroup], on_pass: OnPass
    ) -> dict[Role, RoleStats]:
        did.append("learn")
        return update(learner, groups, on_pass)

    monkeypatch.setattr(VllmSampler, "rest", rested)
    monkeypatch.setattr(Learner, "update", learned)
    small = {
        k: v for k, v in SMALL.items() if not k.startswith(("learning", "evaluation", "training"))
    }
    small |= {
        "model.path": "nano",
        "model.precision": "float32",
        "tasks.train": '["microworld:train"]',
        "tasks.held_out": '["microworld:held_out"]',
        "prompts.max_tokens": "240",
        "prompts.derivation": "false",
        "sampling.coder_max_tokens": "60",
        "sampling.tester_max_tokens": "60",
        "learning.tokens_per_micro_batch": "2000",
        "training.tasks_per_step": "4",
        "training.threads": "1",
        "vllm.environment": str(fake_environment(tmp_path / "environment")),
        "vllm.weights_dir": str(tmp_path),
    }
    nano = load_recipe(NANO_RECIPE).prompts
    small |= {"prompts.coder": json.dumps(nano.coder), "prompts.tester": json.dumps(nano.tester)}
    sets = [x for k, v in small.items() for x in ("--set", f"{k}={v}")]
    recipe = str(RECIPES / "qwen2.5-7b.toml")
    done = sparring_here("train", recipe, "--dry-run", *sets, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert did == ["rest", "learn"]
