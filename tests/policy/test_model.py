"""Ways to train a model: adapters, bfloat16, gradient checkpointing, without dropout."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from sparring.errors import ModelError
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.parts import LossDenominators
from sparring.learner.settings import LogprobBackend
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.saved import load_weights, save_model
from sparring.policy.settings import ModelSettings
from sparring.schema import Role
from tests.learner.one_step import ONE_STEP
from tests.learner.test_update import gradients, groups
from tests.nano import tiny_model

LORA = ModelSettings(lora_rank=4, lora_alpha=8.0)


class NoTokenizer:
    def save_pretrained(self, path: Path) -> None:
        pass


def test_rows_with_their_prompts_give_the_same_log_probs() -> None:
    model = tiny_model()
    shared, whole = (
        response_logprobs(model, groups(), b)
        for b in (LogprobBackend.PROMPT_CACHE, LogprobBackend.PADDED)
    )
    torch.testing.assert_close(shared.logprob, whole.logprob, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(shared.entropy, whole.entropy, atol=1e-5, rtol=1e-5)


def test_gradient_checkpointing_gives_the_same_gradient() -> None:
    found = []
    for settings in (ModelSettings(), ModelSettings(gradient_checkpointing=True)):
        model = prepare_model(tiny_model(), settings, 0)
        on = any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
        assert on == settings.gradient_checkpointing
        learner = Learner(model, ONE_STEP.changed(kl_coef=0.0))
        model.train()
        learner._backward(groups(), LossDenominators(100, 1, 1.0), _stats(), fresh=True)
        found.append(gradients(model))
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-4)


def _stats() -> object:
    from sparring.learner.stats import RoleStats

    return RoleStats()


def test_an_adapter_starts_as_the_identity_and_only_it_learns(tmp_path: Path) -> None:
    base = tiny_model()
    start = copy.deepcopy(base.state_dict())
    model = prepare_model(base, LORA, seed=3)
    with torch.no_grad():
        before = response_logprobs(model, groups()).logprob
        torch.testing.assert_close(before, response_logprobs(tiny_model(), groups()).logprob)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 0 < trained < sum(v.numel() for v in start.values()) / 2
    learner = Learner(model, ONE_STEP.changed(learning_rate=1e-2, kl_coef=0.1))
    assert learner.reference is model  # no second copy of the weights
    first = learner.update(groups())
    second = learner.update(groups())
    assert first[Role.CODER].kl == pytest.approx(0, abs=1e-6)
    assert second[Role.CODER].kl > 1e-4  # against the model without its adapter
    with torch.no_grad():
        after = response_logprobs(model, groups()).logprob
    assert (after - before).abs().max() > 1e-3
    for name, value in model.get_base_model().state_dict().items():
        if "lora" not in name:
            assert torch.equal(value, start[name.replace(".base_layer", "")])

    save_model(model, NoTokenizer(), tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        merged = response_logprobs(plain, groups()).logprob
    torch.testing.assert_close(merged, after, atol=1e-4, rtol=1e-4)
    again = prepare_model(tiny_model(), LORA, seed=9)
    load_weights(again, tmp_path)
    with torch.no_grad():
        assert torch.equal(response_logprobs(again, groups()).logprob, after)


def test_an_adapter_for_layers_that_are_not_there_is_one_clear_line() -> None:
    with pytest.raises(ModelError, match=r"model\.lora_targets: .*nowhere"):
        prepare_model(tiny_model(), ModelSettings(lora_rank=4, lora_targets=["nowhere"]), 0)


def test_dropout_is_off_while_learning() -> None:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50, n_positions=64, n_embd=32, n_layer=1, n_head=2, attn_pdrop=0.5,
        resid_pdrop=0.5, embd_pdrop=0.5,
    )  # fmt: skip
    model = prepare_model(GPT2LMHeadModel(config), ModelSettings(), 0)
    model.train()
    one, two = (response_logprobs(model, groups()).logprob for _ in range(2))
    assert torch.equal(one, two)


def test_a_gradient_that_explodes_is_refused() -> None:
    model = tiny_model()
    start = copy.deepcopy(model.state_dict())
    learner = Learner(model, ONE_STEP.changed(skip_grad_norm=1e-9, kl_coef=0))
    stats = learner.update(groups())
    assert stats[Role.CODER].refused == stats[Role.TESTER].refused == 1
    assert all(torch.equal(v, start[k]) for k, v in model.state_dict().items())
    broken = list(groups())
    infinite = Learner(model, ONE_STEP.changed(kl_coef=0))
    first = broken[0].samples[0]
    bad = type(first)(first.token_ids, (float("-inf"),) * len(first.token_ids), 1.0)
    broken[0] = type(broken[0])(Role.CODER, broken[0].prompt_ids, 0.8, (bad,))
    assert infinite.update(broken)[Role.CODER].refused == 1
    assert all(torch.equal(v, start[k]) for k, v in model.state_dict().items())
