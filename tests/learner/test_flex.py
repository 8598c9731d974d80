"""Our attention function: one type, grouped heads as they are, caps, sinks, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from sparring.errors import ModelError
from sparring.learner.logprobs import flex
from sparring.learner.logprobs.backend import attending
from sparring.learner.logprobs.blocks import BLOCK, Visible, block_mask
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.settings import LogprobBackend
from tests.learner.families import LLAMA, family, mixed_groups, wide

Seen = list[dict[str, Any]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """What torch's flex attention is called with; uncompiled, which takes longer than the test."""
    found: Seen = []
    kernel = torch.nn.attention.flex_attention.flex_attention

    def noted(query: Any, key: Any, value: Any, **options: Any) -> Any:
        found.append({"query": query, "key": key, "value": value} | options)
        return kernel(query, key, value, **options)

    monkeypatch.setattr(flex, "_compiled", lambda: noted)
    with torch.compiler.set_stance("force_eager"):
        yield found


def causal(places: int) -> Any:
    nothing = torch.zeros(1, places, dtype=torch.long)
    return block_mask(Visible(nothing, nothing, nothing))


def heads(count: int, places: int = BLOCK, size: int = 16, **options: Any) -> torch.Tensor:
    torch.manual_seed(count)
    return torch.randn(1, count, places, size, **options)


@pytest.mark.parametrize("name", ["Qwen2", "Qwen3", "Llama", "Gemma2"])
def test_queries_keys_and_values_are_of_one_type(name: str, seen: Seen) -> None:
    """Under autocast norms and rotations leave float32, values are bfloat16."""
    model = family(name, wide(name))
    autocast = torch.autocast("cpu", torch.bfloat16)
    with torch.no_grad(), autocast, attending(model, LogprobBackend.FLEX):
        response_logprobs(model, mixed_groups(), LogprobBackend.FLEX)
    assert len(seen) == 2
    for call in seen:
        assert {call[x].dtype for x in ("query", "key", "value")} == {torch.bfloat16}


def test_keys_are_not_repeated_for_heads_that_share_them(seen: Seen) -> None:
    """Twelve heads, which `transformers` repeats keys for: no power of two."""
    settings = LLAMA | {"hidden_size": 192, "num_attention_heads": 12, "num_key_value_heads": 2}
    model, groups = family("Llama", settings), mixed_groups()
    with torch.no_grad():
        expected = response_logprobs(model, groups, LogprobBackend.PADDED).logprob
        with attending(model, LogprobBackend.FLEX):
            found = response_logprobs(model, groups, LogprobBackend.FLEX).logprob
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for call in seen:
        assert (call["query"].shape[1], call["key"].shape[1], call["value"].shape[1]) == (12, 2, 2)


def test_one_bound_on_scores_is_one_function(seen: Seen) -> None:
    """A closure made at each call would be compiled at each call."""
    for _ in range(2):
        flex.flex_forward(
            torch.nn.Identity(), heads(4), heads(2), heads(2), causal(BLOCK), softcap=3.0
        )
    first, second = (call["score_mod"] for call in seen)
    assert first is second


def test_sinks_take_their_part_of_the_probability(seen: Seen) -> None:
    query, key, value = heads(4), heads(2), heads(2) + 1
    sinks = torch.tensor([-1.0, 0.0, 2.0, 5.0])
    found, _ = flex.flex_forward(
        torch.nn.Identity(), query, key, value, causal(BLOCK), scaling=0.25, s_aux=sinks
    )
    repeated = key.repeat_interleave(2, 1), value.repeat_interleave(2, 1)
    scores = query @ repeated[0].transpose(-1, -2) * 0.25
    scores = scores.masked_fill(~torch.ones(BLOCK, BLOCK, dtype=torch.bool).tril(), -torch.inf)
    with_sink = torch.cat([scores, sinks[None, :, None, None].expand(1, 4, BLOCK, 1)], -1)
    expected = with_sink.softmax(-1)[..., :-1] @ repeated[1]
    torch.testing.assert_close(found.transpose(1, 2), expected, atol=1e-5, rtol=1e-5)


def test_small_heads_are_refused(seen: Seen) -> None:
    with pytest.raises(ValueError, match="heads of at least 16 values; these have 8"):
        flex.flex_forward(
            torch.nn.Identity(), heads(4, size=8), heads(2, size=8), heads(2, size=8), causal(BLOCK)
        )


def counted(monkeypatch: pytest.MonkeyPatch) -> CompileCounter:
    """Flex attention traced as ever, but not compiled to a kernel, which takes seconds."""
    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(torch.nn.attention.flex_attention.flex_attention, backend=counter)
    monkeypatch.setattr(flex, "_compiled", lambda: compiled)
    return counter


def test_many_lengths_are_two_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = counted(monkeypatch)
    for blocks in (2, 3, 5, 4, 7, 6):
        places = blocks * BLOCK
        flex.flex_forward(
            torch.nn.Identity(), heads(4, places), heads(2, places), heads(2, places),
            causal(places),
        )  # fmt: skip
    assert counter.frame_count <= 2


def test_a_kernel_too_many_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the limit's error dynamo gives up, and every pair of places is computed."""
    counted(monkeypatch)
    monkeypatch.setattr(flex, "RECOMPILATIONS", 2)

    def attend(count: int) -> None:  # heads are static
        flex.flex_forward(
            torch.nn.Identity(), heads(count), heads(count), heads(count), causal(BLOCK)
        )

    attend(1)
    attend(2)
    line = r"compiled 2 times, the limit.*padded.*--resume"
    with pytest.raises(ModelError, match=line) as caught:
        attend(4)
    assert "\n" not in str(caught.value)
