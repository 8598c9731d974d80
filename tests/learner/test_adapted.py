"""LoRA layers that add in place: the values and gradients of `peft`'s own layers."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as LoraLinear
from transformers import PreTrainedModel

from sparring.learner import adapted as module
from sparring.learner.adapted import adding_in_place
from sparring.policy.adapters import add_adapters
from sparring.policy.precision import cast
from sparring.policy.prepared import initial_weights
from tests.learner.families import family


def adapted_model(**settings: object) -> PreTrainedModel:
    """Return a tiny model with a LoRA adapter whose second matrices are not zero."""
    config = LoraConfig(r=4, lora_alpha=12, target_modules="all-linear", **settings)  # type: ignore[arg-type]
    model = add_adapters(family("Qwen2"), config, per_role=False)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if ".lora_B" in name:
            parameter.data.normal_(0, 0.2, generator=generator)
    return model


def gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the gradients of a loss of all logits, by parameter; their number is one per matrix of
    the adapter."""
    model.zero_grad()
    ids = torch.arange(24).view(3, 8)
    logits = model(input_ids=ids).logits
    torch.log_softmax(logits.float(), -1)[..., 5].sum().backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def replaced(model: PreTrainedModel) -> int:
    """Return the number of LoRA layers with a forward function of their own."""
    return sum("forward" in m.__dict__ for m in model.modules() if isinstance(m, LoraLinear))


@pytest.fixture(autouse=True)
def every_model_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKED_FROM", 0)


def test_gradients_are_those_of_peft() -> None:
    model = adapted_model()
    usual = gradients(model)
    with adding_in_place(model):
        assert replaced(model)
        ours = gradients(model)
    assert not replaced(model)
    assert ours.keys() == usual.keys()
    assert all(".lora_" in name for name in ours)
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, usual[name], rtol=1e-4, atol=1e-5, msg=name)
    assert any(g.abs().max() > 1e-3 for g in ours.values())


def test_gradients_in_bfloat16_are_as_near_to_exact_ones_as_those_of_peft() -> None:
    exact = gradients(adapted_model())
    model = cast(adapted_model(), torch.bfloat16)
    usual = gradients(model)
    with adding_in_place(model):
        ours = gradients(model)

    def error(of: dict[str, torch.Tensor]) -> float:
        return sum(float((of[name].float() - exact[name]).abs().sum()) for name in exact)

    assert ours.keys() == usual.keys() == exact.keys()
    assert 0 < error(ours) < 1.1 * error(usual)
    assert error(ours) < 0.2 * sum(float(g.abs().sum()) for g in exact.values())


def test_one_layer_agrees_with_differences() -> None:
    generator = torch.Generator().manual_seed(2)
    sizes = {"x": (2, 3, 5), "weight": (4, 5), "bias": (4,), "first": (2, 5), "last": (4, 2)}
    value = {
        name: torch.randn(size, generator=generator, dtype=torch.float64)
        for name, size in sizes.items()
    }
    for name in ("x", "first", "last"):
        value[name].requires_grad_()

    def layer(x: torch.Tensor, first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = module._AdaptedLinear.apply(  # type: ignore[no-untyped-call]
            x, value["weight"], value["bias"], first, last, 1.5
        )
        return result

    assert torch.autograd.gradcheck(layer, (value["x"], value["first"], value["last"]))
    x, first, last = value["x"], value["first"], value["last"]
    exact = x @ value["weight"].T + value["bias"] + 1.5 * (x @ first.T) @ last.T
    torch.testing.assert_close(layer(x, first, last), exact)


def test_small_models_disabled_adapters_and_learning_bases_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = adapted_model()
    with initial_weights(model), adding_in_place(model):
        assert not replaced(model)
    some = next(m for m in model.modules() if isinstance(m, LoraLinear))
    some.base_layer.weight.requires_grad_(True)
    with adding_in_place(model):
        assert "forward" not in some.__dict__
        assert replaced(model)
    monkeypatch.setattr(module, "PACKED_FROM", sum(p.numel() for p in model.parameters()) + 1)
    with adding_in_place(model):
        assert not replaced(model)


def test_layers_compute_as_before_after_an_error() -> None:
    model = adapted_model()

    def use() -> None:
        with adding_in_place(model):
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        use()
    assert not replaced(model)
