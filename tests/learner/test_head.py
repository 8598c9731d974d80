"""Logits of chosen positions only, a chunk at a time, and of models whose head is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sparring.errors import ModelError
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.head import check_head, chunk_size
from sparring.learner.settings import LogprobBackend
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings
from tests.learner.families import FAMILIES, family, mixed_groups
from tests.learner.test_backends import assert_close, gradient


@pytest.mark.parametrize("name", FAMILIES)
def test_chunks_change_nothing_and_bound_the_logits(name: str) -> None:
    model, groups = family(name), mixed_groups()
    whole = response_logprobs(model, groups)
    expected = gradient(model, whole.logprob)
    tokens = len(whole.logprob)
    sizes: list[int] = []
    handle = model.get_output_embeddings().register_forward_hook(
        lambda _, inputs, __: sizes.append(inputs[0].shape[:-1].numel())
    )
    for chunk in (1, 7, tokens - 1, tokens):
        sizes.clear()
        found = response_logprobs(model, groups, chunk=chunk)
        torch.testing.assert_close(found.logprob, whole.logprob, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.entropy, whole.entropy, atol=1e-5, rtol=1e-5)
        assert_close(gradient(model, found.logprob), expected)
        # the model's own call computes none; then forward, and again on the way back
        assert max(sizes) == chunk
        again = 1 if chunk == tokens else 2
        assert sum(sizes) == again * tokens
    handle.remove()


def test_equal_chunks_give_equal_bits() -> None:
    model = family("Llama")
    one, two = (
        gradient(model, response_logprobs(model, mixed_groups(), chunk=5).logprob) for _ in range(2)
    )
    assert torch.equal(one, two)


def test_nothing_is_computed_twice_without_a_gradient() -> None:
    model, seen = family("Llama"), []
    model.get_output_embeddings().register_forward_hook(lambda *_: seen.append(1))
    with torch.no_grad():
        found = response_logprobs(model, mixed_groups(), LogprobBackend.PADDED, chunk=1)
    assert not found.logprob.requires_grad
    assert len(seen) == len(found.logprob)  # and no logits to be thrown away


def test_the_default_chunk_is_by_the_vocabulary() -> None:
    assert chunk_size(family("Llama")) == (1 << 28) // (4 * 50)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_heads_of_these_families_are_known(name: str) -> None:
    check_head(family(name))
    check_head(prepare_model(family(name), ModelSettings(lora_rank=2), 0))


def test_a_head_that_is_not_known_is_refused() -> None:
    model = family("Llama")
    forward = model.forward

    def squared(*args: Any, **inputs: Any) -> Any:
        out = forward(*args, **inputs)
        out.logits = out.logits.square()
        return out

    model.forward = squared
    with pytest.raises(ModelError, match="after the output matrix") as caught:
        check_head(model)
    assert "\n" not in str(caught.value)
