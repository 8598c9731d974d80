"""A model that computes in bfloat16 beside its float32 masters."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from sparring.learner import update
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.masters import Masters
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.update import Learner
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.precision import cast
from sparring.policy.prepared import initial_weights, prepare_model
from sparring.policy.settings import Adapters, ModelSettings, Precision
from sparring.schema import Role
from tests.learner.families import FAMILIES, family, mixed_groups
from tests.learner.one_step import IN_BFLOAT16, ONE_STEP
from tests.learner.test_update import groups
from tests.nano import nano, tiny_model

BF16 = ONE_STEP.changed(learning_rate=1e-5)
STILL = ONE_STEP.changed(learning_rate=1e-9, max_grad_norm=1e9, kl_coef=0.0)
"""To look at gradients after an update."""


def gradient(learner: Learner) -> torch.Tensor:
    found = [p.grad.flatten() for p in learner.masters.parameters if p.grad is not None]
    assert {g.dtype for g in found} == {torch.float32}
    return torch.cat(found)


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_a_model_computes_in_bfloat16_and_its_masters_learn(lora_rank: int) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=lora_rank), 0)
    before = [p.detach().clone() for p in model.parameters() if p.requires_grad]
    exact = Learner(copy.deepcopy(model), ONE_STEP)
    rough = Learner(model, BF16, IN_BFLOAT16)
    masters = rough.masters.parameters
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert all(torch.equal(a, b) for a, b in zip(before, masters, strict=True))
    a, b = exact.update(groups()), rough.update(groups())
    rough.update(groups())  # an adapter's first matrices move once the second are not 0
    gap = b[Role.CODER].logprob_gap
    assert a[Role.CODER].logprob_gap < 1e-5 < gap < 0.1  # rounding shows, and no more
    learning = [p for p in model.parameters() if p.requires_grad]
    for own, master, old in zip(learning, masters, before, strict=True):
        assert master.dtype is torch.float32
        assert own.grad is None
        assert torch.equal(own, master.bfloat16())
        moved = (master - old).abs().max()
        assert 0 < moved < 3e-5  # less than bfloat16 would show of most weights


def test_in_float32_the_weights_are_their_own_masters() -> None:
    model = tiny_model()
    learner = Learner(model, ONE_STEP)
    own = list(model.parameters())
    assert all(a is b for a, b in zip(learner.masters.parameters, own, strict=True))
    with learner.masters.in_force():
        assert all(a is b for a, b in zip(model.parameters(), own, strict=True))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_in_bfloat16_what_it_learns_in_float32(name: str) -> None:
    exact = Learner(family(name), STILL)
    rough = Learner(family(name), STILL, IN_BFLOAT16)
    exact.update(mixed_groups())
    stats = rough.update(mixed_groups())[Role.CODER]
    expected = gradient(exact)
    assert (gradient(rough) - expected).norm() < 0.1 * expected.norm()
    assert stats.optimizer_steps == 1
    with torch.no_grad():
        one, two = (response_logprobs(x.model, mixed_groups()) for x in (exact, rough))
    assert two.logprob.dtype is torch.float32
    assert (one.logprob - two.logprob).abs().mean() < 0.01
    assert (one.entropy - two.entropy).abs().max() < 0.01


@pytest.mark.parametrize("name", ["Llama", "Gemma3Text", "GPT2", "GPTNeoX"])
def test_a_cast_model_is_one_that_was_loaded_in_bfloat16(name: str, tmp_path: Path) -> None:
    """Tied embeddings are one tensor, and tables that are computed stay float32."""
    model = family(name)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    cast(model, torch.bfloat16)
    for kind in ("named_parameters", "named_buffers"):
        found, expected = (dict(getattr(m, kind)()) for m in (model, loaded))
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            # Gemma's scale of embeddings is rounded on loading, ours where it is used.
            own = found[key] if "embed_scale" not in key else found[key].to(value.dtype)
            assert own.dtype is value.dtype, key
            assert torch.equal(own, value), key


def test_what_a_family_wants_in_float32_stays_so() -> None:
    model = tiny_model()
    model._keep_in_fp32_modules_strict = {"input_layernorm"}
    cast(model, torch.bfloat16)
    kept = {n for n, p in model.named_parameters() if p.dtype is torch.float32}
    assert kept == {f"model.layers.{i}.input_layernorm.weight" for i in range(2)}


def test_gradients_are_added_up_in_float32_over_micro_batches() -> None:
    """In bfloat16 a sum of 16 equal gradients would have lost bits."""
    settings = STILL.changed(tokens_per_micro_batch=1)
    [group] = groups()[1:2]
    one, many = (Learner(tiny_model(), settings, IN_BFLOAT16) for _ in range(2))
    one.update([group])
    many.update([group] * 16)
    expected = gradient(one)
    assert (gradient(many) - expected).norm() < 1e-5 * expected.norm()


def test_the_reference_is_what_the_model_was_and_computes_as_it_does() -> None:
    learner = Learner(tiny_model(), BF16.changed(kl_coef=0.1), IN_BFLOAT16)
    assert learner.reference is not None
    assert {p.dtype for p in learner.reference.parameters()} == {torch.bfloat16}
    assert learner.update(groups())[Role.CODER].kl == 0  # to the bit


def test_an_adapter_taken_away_is_the_start_also_in_bfloat16() -> None:
    settings = ModelSettings(lora_rank=4, adapters=Adapters.PER_ROLE)
    learner = Learner(prepare_model(tiny_model(), settings, 0), BF16, IN_BFLOAT16)
    coders = [g for g in groups() if g.role is Role.CODER]
    other = [p.clone() for n, p in learner.model.named_parameters() if ".tester." in n]
    learner.update(coders)
    learner.update(coders)
    still = [p for n, p in learner.model.named_parameters() if ".tester." in n]
    assert all(torch.equal(a, b) for a, b in zip(other, still, strict=True))
    plain = cast(tiny_model(), torch.bfloat16)
    with torch.no_grad(), initial_weights(learner.model) as start:
        found = response_logprobs(start, coders).logprob
        assert torch.equal(found, response_logprobs(plain, coders).logprob)


def test_masters_are_in_force_for_as_long_as_they_are_saved_or_loaded() -> None:
    model = tiny_model()
    first = model.get_input_embeddings().weight
    exact = first.detach().clone()
    masters = Masters(model, torch.bfloat16)
    with masters.in_force():
        assert torch.equal(first, exact)
        with torch.no_grad():
            first.add_(0.5)
    assert torch.equal(masters.parameters[0], exact + 0.5)
    assert torch.equal(first, (exact + 0.5).bfloat16())


def test_rounded_masters_are_what_the_model_computes_with() -> None:
    learner = Learner(tiny_model(), BF16.changed(master_weights=Precision.BFLOAT16), IN_BFLOAT16)
    learner.update(groups())
    for own, master in zip(learner.model.parameters(), learner.masters.parameters, strict=True):
        assert torch.equal(master, own.float())


def test_in_bfloat16_the_trainer_finds_what_was_sampled() -> None:
    model, tokenizer = copy.deepcopy(nano()[0]), nano()[1]
    learner = Learner(model, STILL, IN_BFLOAT16)
    texts = [(5, 9, 30, 11), (8, 7, 21, 40, 12, 33)]
    params = SamplingParams(1.0, 12)
    prompts = [Prompt(str(i), Role.CODER, ids, i, params) for i, ids in enumerate(texts)]
    found = LocalSampler(model, tokenizer).sample(prompts, 4)
    batch = [
        SampleGroup(
            Role.CODER, ids, 1.0, tuple(Sample(r.token_ids, r.logprobs, 1.0) for r in responses)
        )
        for ids, responses in zip(texts, found, strict=True)
    ]
    stats = learner.update(batch)[Role.CODER]
    assert stats.logprob_gap < 0.02
    assert stats.logprob_gap_max < 0.2


@pytest.mark.parametrize("shared", [False, True])
def test_a_device_that_is_shared_is_left_to_the_other(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[torch.device] = []
    monkeypatch.setattr(update, "give_back", given.append)
    learner = Learner(tiny_model(), BF16, IN_BFLOAT16, shares_device=shared)
    learner.update(groups())
    assert given == [torch.device("cpu")] * shared
    held = [p.grad for p in learner.masters.parameters if p.grad is not None]
    assert bool(held) is not shared
