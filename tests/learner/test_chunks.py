"""Log-probs by chunks: values and gradients of `torch.log_softmax` over all logits at once."""

from __future__ import annotations

import pytest
import torch

from sparring.learner.logprobs import head
from sparring.learner.logprobs.chunks import LogitTransform, in_chunks
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.sizes import CHUNK_BYTES, chunk_tokens
from tests.learner.families import LLAMA, family, mixed_groups
from tests.learner.test_backends import assert_close, gradient

TOKENS, WIDTH, VOCABULARY = 23, 12, 40
LOSS = torch.linspace(-1, 2, TOKENS)


class Case:
    """Random hidden states and a matrix, and the plain way."""

    def __init__(self, dtype: torch.dtype = torch.float32, bias: bool = True) -> None:
        torch.manual_seed(3)
        self.hidden = torch.randn(TOKENS, WIDTH).to(dtype).requires_grad_()
        self.weight = (torch.randn(VOCABULARY, WIDTH) / 3).to(dtype).requires_grad_()
        self.bias = torch.randn(VOCABULARY).to(dtype).requires_grad_() if bias else None
        self.targets = torch.randint(VOCABULARY, (TOKENS,))
        self.temperature = torch.linspace(0.5, 1.5, TOKENS)

    @property
    def learning(self) -> list[torch.Tensor]:
        return [
            x for x in (self.hidden, self.weight, self.bias) if x is not None and x.requires_grad
        ]

    def plain(self, rule: LogitTransform) -> tuple[torch.Tensor, torch.Tensor]:
        """In float64."""
        bias = None if self.bias is None else self.bias.double()
        logits = torch.nn.functional.linear(self.hidden.double(), self.weight.double(), bias)
        logits = logits * rule.factor
        if rule.cap is not None:
            logits = torch.tanh(logits / rule.cap) * rule.cap
        steps = torch.log_softmax(logits / self.temperature[:, None].double(), -1)
        chosen = steps.gather(1, self.targets[:, None])[:, 0]
        return chosen, -(steps.exp() * steps).sum(-1)

    def ours(self, rule: LogitTransform) -> tuple[torch.Tensor, torch.Tensor]:
        return in_chunks(self.hidden, self.weight, self.bias, self.targets, self.temperature, rule)


@pytest.mark.parametrize("keep", [0, CHUNK_BYTES])
@pytest.mark.parametrize("size", [1, 7, TOKENS])
@pytest.mark.parametrize(("factor", "cap", "bias"), [(1.0, None, True), (0.3, 2.0, False)])
def test_values_and_gradients_are_the_plain_ones(
    factor: float, cap: float | None, bias: bool, size: int, keep: int
) -> None:
    case, rule = Case(bias=bias), LogitTransform(factor, cap, size, keep)
    expected, entropy = case.plain(rule)
    found, found_entropy = case.ours(rule)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found_entropy.double(), entropy, atol=1e-5, rtol=1e-5)
    assert not found_entropy.requires_grad
    wanted = torch.autograd.grad((expected * LOSS).sum(), case.learning)
    got = torch.autograd.grad((found * LOSS).sum(), case.learning)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_frozen_matrix_keeps_no_rows_and_needs_two_products() -> None:
    case = Case()
    for x in (case.weight, case.bias):
        assert x is not None
        x.requires_grad_(False)
    rule = LogitTransform(1.0, None, 5, CHUNK_BYTES)
    expected, _ = case.plain(rule)
    found, _ = case.ours(rule)
    assert found.grad_fn is not None
    assert found.grad_fn.rows is None  # type: ignore[attr-defined]
    [got] = torch.autograd.grad((found * LOSS).sum(), case.learning)
    [wanted] = torch.autograd.grad((expected * LOSS).sum(), case.learning)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_entropies_of_bfloat16_weights_are_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under autocast as well, which would take the products of probabilities in bfloat16."""
    case, rule = Case(torch.bfloat16), LogitTransform(1.0, None, 5, CHUNK_BYTES)
    logits = torch.nn.functional.linear(case.hidden, case.weight, case.bias).double()
    steps = torch.log_softmax(logits / case.temperature[:, None].double(), -1)
    expected = -(steps.exp() * steps).sum(-1)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
            _, by_chunks = case.ours(rule)
            _, at_once = head._Chosen.apply(logits.bfloat16(), case.targets, case.temperature)
        for found in (by_chunks, at_once):
            torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_chunks_of_bfloat16_are_added_up_in_float32() -> None:
    """The matrix's gradient of many chunks is as good as that of one."""
    gaps = []
    for size in (TOKENS, 1):
        case = Case(torch.bfloat16)
        rule = LogitTransform(1.0, None, size, CHUNK_BYTES)
        wanted = torch.autograd.grad((case.plain(rule)[0] * LOSS).sum(), case.weight)[0].double()
        got = torch.autograd.grad((case.ours(rule)[0] * LOSS).sum(), case.weight)[0].double()
        gaps.append(float((got - wanted).norm() / wanted.norm()))
    assert gaps[1] < 1.1 * gaps[0]


@pytest.mark.parametrize("name", ["Llama", "Gemma2", "Granite", "Cohere", "GPT2"])
def test_a_models_chunks_give_the_gradient_of_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        head, "in_chunks", lambda *args: calls.append(args[-1].size) or in_chunks(*args)
    )
    model, groups = family(name), mixed_groups()
    expected = gradient(model, response_logprobs(model, groups).logprob)
    assert calls == []  # one chunk is kept
    found = gradient(model, response_logprobs(model, groups, chunk=7).logprob)
    assert calls == [7]
    assert_close(found, expected)


def test_an_adapted_matrix_is_called() -> None:
    """LoRA on the output matrix: its product is not its weight's alone."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=["lm_head"], init_lora_weights=False)
    model = get_peft_model(family("Llama", LLAMA | {"tie_word_embeddings": False}), config)
    groups = mixed_groups()
    expected = gradient(model, response_logprobs(model, groups).logprob)
    assert_close(gradient(model, response_logprobs(model, groups, chunk=7).logprob), expected)


def test_a_gpu_has_larger_chunks_but_not_without_end() -> None:
    assert chunk_tokens(152_000, None) == 441
    assert chunk_tokens(152_000, 24 * 2**30) == 1324
    assert chunk_tokens(152_000, 80 * 2**30) == 4096
    assert chunk_tokens(50, 80 * 2**30) == CHUNK_BYTES // 200  # as on a CPU
