"""Packed weights, and prompts' last positions in bfloat16: the same sums, nothing left behind."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as LoraLinear
from transformers import PreTrainedModel

from sparring.policy.adapters import add_adapters
from sparring.policy.local import packing as packs
from sparring.policy.local.packing import can_pack, packing
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.precision import cast
from sparring.policy.prepared import initial_weights
from tests.learner.families import family
from tests.nano import TinyTokenizer
from tests.policy.test_decode import prompts

needs_products = pytest.mark.skipif(
    not can_pack(torch.nn.Linear(2, 2).bfloat16()), reason="this CPU has no products in bfloat16"
)


@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [pytest.param(torch.bfloat16, 1e-3, marks=needs_products), (torch.float32, 1e-5)],
)
def test_packed_weights_give_the_same_responses(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, rounding: float
) -> None:
    monkeypatch.setattr(packs, "PACKED_FROM", 0)
    model = family("Qwen2").to(dtype)
    sampler = LocalSampler(model, TinyTokenizer())  # type: ignore[arg-type]
    asked = prompts(5, 9, tokens=20)
    calls: list[int] = []
    product = packs._product

    def counted(*given: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return product(*given)

    monkeypatch.setattr(packs, "_product", counted)
    packed = sampler.sample(asked, 3)
    assert len(calls) >= 2 * sum(can_pack(m) for m in model.modules())
    calls.clear()
    monkeypatch.setattr(packs, "_TOKENS", 21)
    plain = sampler.sample(asked, 3)
    assert not calls
    for some, others in zip(packed, plain, strict=True):
        for one, other in zip(some, others, strict=True):
            assert one.token_ids == other.token_ids
            assert one.logprobs == pytest.approx(other.logprobs, abs=rounding)


@needs_products
def test_layers_compute_as_before_after_an_error() -> None:
    model = family("Qwen2").bfloat16()
    x = torch.randn(3, 1, model.config.hidden_size).bfloat16()
    layer = next(m for m in model.modules() if can_pack(m) and m.in_features == x.shape[-1])
    before = layer(x)

    def use() -> None:
        with torch.no_grad(), packing(model, 100):
            assert not can_pack(layer)
            torch.testing.assert_close(layer(x), before, rtol=1e-2, atol=1e-3)
            layer.weight.zero_()  # not what is computed with meanwhile
            assert layer(x).any()
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        use()
    assert can_pack(layer)
    assert layer.bias is not None or not layer(x).any()


def test_small_models_in_float32_and_short_responses_are_not_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = family("Qwen2")
    parameters = sum(p.numel() for p in model.parameters())

    def packed(tokens: int) -> bool:
        with packing(model, tokens):
            return any("forward" in m.__dict__ for m in model.modules())

    assert not packed(100)
    monkeypatch.setattr(packs, "PACKED_FROM", parameters + 1)
    assert not packed(100)
    monkeypatch.setattr(packs, "PACKED_FROM", parameters)
    assert packed(100)
    assert not packed(15)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_last_positions_of_prompts_lie_together_in_bfloat16(dtype: torch.dtype) -> None:
    """Otherwise torch copies the output matrix for each prompt, on a CPU."""
    model = family("Qwen2").to(dtype)
    sampler = LocalSampler(model, TinyTokenizer())  # type: ignore[arg-type]
    seen = []
    head = model.get_output_embeddings()
    forward = head.forward

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.stride(0) == x.shape[-1])
        return forward(x)

    head.forward = look
    sampler.sample(prompts(7, 7), 1)
    assert seen[0] is (dtype is torch.bfloat16)
    assert not head._forward_pre_hooks


@pytest.mark.parametrize("rows", [1, 48, 300])
def test_packed_products_in_float32_differ_by_rounding_alone(rows: int) -> None:
    layer = torch.nn.Linear(160, 96)
    x = torch.randn(rows, 1, 160)
    with torch.no_grad():
        packed = packs._product(packs._packed(layer), layer.bias, x)
        torch.testing.assert_close(packed, layer(x), rtol=1e-5, atol=1e-6)


def adapted(rank: int = 4, **settings: bool) -> PreTrainedModel:
    """Return a tiny model in bfloat16 with a LoRA adapter whose second matrices are not zero."""
    config = LoraConfig(r=rank, lora_alpha=3 * rank, target_modules="all-linear", **settings)
    model = add_adapters(family("Qwen2"), config, per_role=False)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if ".lora_B" in name:
            parameter.data.normal_(0, 0.2, generator=generator)
    return cast(model, torch.bfloat16).eval()


@needs_products
def test_a_lora_layer_is_packed_as_one_sum() -> None:
    model = adapted()
    ids = torch.arange(24).view(3, 8)
    layers = [m for m in model.modules() if isinstance(m, LoraLinear)]
    with torch.no_grad():
        exact = cast(adapted(), torch.float32)(input_ids=ids).logits
        plain = model(input_ids=ids).logits.float()
        with packing(model, 100):
            assert layers
            for layer in layers:
                assert "forward" in layer.__dict__
                parts = (layer.base_layer, layer.lora_A["default"], layer.lora_B["default"])
                assert not any("forward" in part.__dict__ for part in parts)
            packed = model(input_ids=ids).logits.float()
        with initial_weights(model), packing(model, 100):  # sampling of initial-policy programs
            assert not any("forward" in layer.__dict__ for layer in layers)
            assert all("forward" in layer.base_layer.__dict__ for layer in layers)
            bare = model(input_ids=ids).logits.float()
    assert not any("forward" in m.__dict__ for m in model.modules())
    # Packed is as near to the exact sum as unpacked, and both are far from the bare model.
    near = (plain - exact).abs().mean()
    assert (packed - exact).abs().mean() < 1.5 * near
    assert (bare - exact).abs().mean() > 5 * near
