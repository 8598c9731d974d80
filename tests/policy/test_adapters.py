"""An adapter for each role on one base: each learns from its own role's groups alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import KLPlace, LearningSettings, OldLogprobs
from sparring.learner.update import Learner
from sparring.policy.adapters import activate
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.prepared import initial_weights, prepare_model
from sparring.policy.saved import load_weights, save_model
from sparring.policy.settings import Adapters, ModelSettings
from sparring.schema import Role
from tests.learner.one_step import ONE_STEP
from tests.learner.test_update import groups
from tests.nano import TinyTokenizer, tiny_model
from tests.policy.test_model import NoTokenizer

PER_ROLE = ModelSettings(lora_rank=4, lora_alpha=8.0, adapters=Adapters.PER_ROLE)
FAST = ONE_STEP.changed(learning_rate=1e-2, kl_coef=0.1)


def learner(settings: LearningSettings = FAST) -> Learner:
    return Learner(prepare_model(tiny_model(), PER_ROLE, seed=3), settings)


def adapter(model: Any, role: Role) -> dict[str, torch.Tensor]:
    found = {n: p.detach().clone() for n, p in model.named_parameters() if f".{role}." in n}
    assert found
    return found


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[k], other[k]) for k in one)


def logprobs(model: Any, role: Role) -> torch.Tensor:
    with torch.no_grad():
        return response_logprobs(model, groups(role=role)).logprob


@pytest.mark.parametrize("role", Role)
def test_a_roles_groups_move_its_own_adapter_and_nothing_else(role: Role) -> None:
    one = learner()
    other = next(r for r in Role if r is not role)
    before = {n: p.detach().clone() for n, p in one.model.named_parameters()}
    for _ in range(2):
        stats = one.update(groups(role=role))
    moved = {n for n, p in one.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert all(f".{role}." in n for n in moved)
    assert stats[role].kl > 1e-4  # the reference is the base, without the adapter
    with initial_weights(one.model) as base:
        start = logprobs(base, other)
    assert torch.equal(logprobs(one.model, other), start)
    assert not torch.allclose(logprobs(one.model, role), start)


@pytest.mark.parametrize("kl", [0.0, 0.1])
def test_a_joint_update_moves_both_by_what_each_would_learn_alone(kl: float) -> None:
    """Without a common bound on the gradient, two roles in one step are two steps."""
    free = ONE_STEP.changed(learning_rate=1e-2, max_grad_norm=1e9, kl_coef=kl)
    joint = learner(free)
    joint.update([*groups(role=Role.CODER), *groups(role=Role.TESTER)])
    for role in Role:
        alone = learner(free)
        alone.update(groups(role=role))
        assert same(adapter(alone.model, role), adapter(joint.model, role))


@pytest.mark.parametrize(
    "more",
    [
        ONE_STEP.changed(old_logprobs=OldLogprobs.RECOMPUTED),
        ONE_STEP.changed(old_logprobs=OldLogprobs.PER_STEP),
        ONE_STEP.changed(kl_coef=0.1, kl_place=KLPlace.REWARD),
    ],
    ids=["trainer", "each", "kl in the reward"],
)
def test_what_is_computed_before_a_step_is_by_each_roles_own_adapter(
    more: LearningSettings,
) -> None:
    free = more.changed(learning_rate=1e-2, max_grad_norm=1e9, ppo_epochs=2)
    joint = learner(free)
    joint.update([*groups(role=Role.CODER), *groups(role=Role.TESTER)])
    for role in Role:
        alone = learner(free)
        alone.update(groups(role=role))
        assert same(adapter(alone.model, role), adapter(joint.model, role))


@pytest.mark.parametrize("kl", [0.0, 0.1])
def test_both_adapters_count_in_the_norm_and_in_the_check_for_damage(kl: float) -> None:
    one = learner(ONE_STEP.changed(learning_rate=1e-2, kl_coef=kl))
    one.update(groups(role=Role.CODER))
    one.update(groups(role=Role.TESTER))
    learning = {n for n, p in one.model.named_parameters() if p.requires_grad}
    assert any(".coder." in n for n in learning)
    assert any(".tester." in n for n in learning)
    assert not one.damaged()
    name, parameter = next((n, p) for n, p in one.model.named_parameters() if ".coder." in n)
    with torch.no_grad():
        parameter.fill_(float("nan"))
    activate(one.model, [Role.TESTER])
    assert one.damaged(), name


@pytest.mark.parametrize("role", Role)
def test_what_is_sampled_is_what_is_learned_from(role: Role) -> None:
    one = learner()
    one.update([*groups(role=Role.CODER), *groups(role=Role.TESTER)])
    prompt = Prompt("t", role, (5, 6, 7), 1, SamplingParams(0.8, 12))
    activate(one.model, [role])
    [responses] = LocalSampler(one.model, TinyTokenizer()).sample([prompt], 6)  # type: ignore[arg-type]
    samples = tuple(Sample(r.token_ids, r.logprobs, 1.0) for r in responses)
    activate(one.model, [r for r in Role if r is not role])  # whichever was in force before
    stats = one.update([SampleGroup(role, prompt.token_ids, 0.8, samples)])[role]
    assert stats.gap_tokens > 20
    assert stats.logprob_gap_max < 1e-4


def test_one_forward_pass_is_for_one_role() -> None:
    one = learner()
    with pytest.raises(ValueError, match="one forward pass has the adapter of one role"):
        response_logprobs(one.model, groups())


@pytest.mark.parametrize("adapters", Adapters)
def test_a_checkpoint_does_not_depend_on_the_process(adapters: Adapters, tmp_path: Path) -> None:
    """Names in sets come in another order in each process; with enough of them it would show."""
    settings = ModelSettings(lora_rank=2, adapters=adapters)
    save_model(prepare_model(tiny_model(), settings, 0), NoTokenizer(), tmp_path)
    configs = list(tmp_path.rglob("adapter_config.json"))
    assert len(configs) == (2 if adapters is Adapters.PER_ROLE else 1)
    for config in configs:
        targets = json.loads(config.read_text())["target_modules"]
        assert len(targets) == 14
        assert targets == sorted(targets)


def test_a_checkpoint_has_both_adapters_and_a_whole_model_per_role(tmp_path: Path) -> None:
    one = learner()
    one.update([*groups(role=Role.CODER), *groups(role=Role.TESTER)])
    save_model(one.model, NoTokenizer(), tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
    found = []
    for role in Role:
        plain = AutoModelForCausalLM.from_pretrained(tmp_path / role)
        own = logprobs(one.model, role)
        torch.testing.assert_close(logprobs(plain, role), own, atol=1e-4, rtol=1e-4)
        found.append(own)
    again = prepare_model(tiny_model(), PER_ROLE, seed=9)
    load_weights(again, tmp_path)
    for role, own in zip(Role, found, strict=True):
        assert same(adapter(again, role), adapter(one.model, role))
        assert torch.equal(logprobs(again, role), own)
