"""Attention over grouped keys: torch's own sums, without the keys repeated."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from sparring.microworld import NANO_DIR
from sparring.policy.local.attention import grouped_attention, grouping
from sparring.policy.local.cache import GrowingLayer
from sparring.policy.local.prefill import pass_cost
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.model import load_model
from tests.learner.families import FAMILIES, family
from tests.nano import TinyTokenizer
from tests.policy.test_decode import prompts


@pytest.mark.parametrize("heads", [(2, 7), (3, 3), (1, 4)])
@pytest.mark.parametrize("padded", [False, True])
def test_the_sums_are_those_over_repeated_keys(heads: tuple[int, int], padded: bool) -> None:
    of_keys, group = heads
    generator = torch.Generator().manual_seed(1)

    def states(count: int, positions: int) -> torch.Tensor:
        return torch.randn(3, count, positions, 16, generator=generator).bfloat16()

    query, key, value = states(of_keys * group, 1), states(of_keys, 70), states(of_keys, 70)
    mask = torch.ones(3, 1, 1, 70, dtype=torch.bool)
    mask[1, ..., :9] = not padded
    module = torch.nn.Module()
    found, _ = grouped_attention(module, query, key, value, mask if padded else None, scaling=0.2)
    wanted = scaled_dot_product_attention(
        query,
        key.repeat_interleave(group, 1),
        value.repeat_interleave(group, 1),
        attn_mask=mask if padded else None,
        scale=0.2,
    )
    assert torch.equal(found, wanted.transpose(1, 2))


def test_keys_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass after the prompts' attends with as many heads as there are of keys, in one type."""
    seen: set[tuple[int, int, int]] = set()

    def look(
        query: torch.Tensor, key: torch.Tensor, *args: object, **given: object
    ) -> torch.Tensor:
        assert query.dtype == key.dtype == torch.bfloat16
        assert not given.get("enable_gqa") or query.shape[1] == key.shape[1]
        seen.add((query.shape[1], key.shape[1], query.shape[2]))
        return scaled_dot_product_attention(query, key, *args, **given)  # type: ignore[arg-type]

    model = family("Qwen3").bfloat16()
    sampler = LocalSampler(model, TinyTokenizer())  # type: ignore[arg-type]
    asked = prompts(9, 9)
    sampler.sample(asked, 1)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", look)
    with torch.no_grad(), grouping(model):
        model(input_ids=torch.tensor([[3]]), use_cache=False)
    assert seen == {(2, 2, 2)}
    assert model.config._attn_implementation == "sdpa"


def test_a_model_that_attends_in_its_own_way_is_left_alone() -> None:
    model = family("Llama")
    model.config._attn_implementation = "eager"
    with grouping(model):
        assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_is_sampled_as_it_is_computed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches are of the model's type, log-probs are float32, and those of a pass without cache up
    to the rounding of bfloat16."""
    types: set[torch.dtype] = set()
    update = GrowingLayer.update

    def noted(self: GrowingLayer, *args: torch.Tensor, **kwargs: object) -> object:
        types.add(self.keys.dtype)
        return update(self, *args, **kwargs)

    monkeypatch.setattr(GrowingLayer, "update", noted)
    model = family(name).bfloat16()
    asked = prompts(14, 5, 12, temperature=2.0)
    found = LocalSampler(model, TinyTokenizer()).sample(asked, 6)  # type: ignore[arg-type]
    assert types == {torch.bfloat16}
    gaps = []
    for p, group in zip(asked, found, strict=True):
        for r in group:
            with torch.no_grad():
                logits = model(torch.tensor([p.token_ids + r.token_ids]), use_cache=False).logits
            plain = torch.log_softmax(logits[0].float() / 2.0, -1)[len(p.token_ids) - 1 : -1]
            told = torch.tensor(r.logprobs)
            gaps.append(told - plain.gather(1, torch.tensor(r.token_ids)[:, None])[:, 0])
    told = torch.tensor([x for group in found for r in group for x in r.logprobs])
    assert (told.bfloat16().float() != told).float().mean() > 0.9
    assert torch.cat(gaps).abs().mean() < 0.02
    assert torch.cat(gaps).mean().abs() < 0.005


def test_one_more_pass_costs_what_the_shape_says() -> None:
    """The embedded model's prompts are put together as they always were; a larger model's passes
    cost fewer of its positions."""
    nano, _ = load_model(str(NANO_DIR))
    assert pass_cost(nano) == 128
    assert pass_cost(nano.bfloat16()) > 128
    large = family("Llama", FAMILIES["Llama"] | {"hidden_size": 256, "intermediate_size": 2048})
    assert 24 <= pass_cost(large) < 128
