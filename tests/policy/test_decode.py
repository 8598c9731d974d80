"""One batch, token by token: what is computed, when a response is reported, what never matters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local import decode as decoding
from sparring.policy.local import draw as drawing
from sparring.policy.local import prefill as filling
from sparring.policy.local.draw import draw
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response, Role
from tests.learner.families import IDS, LLAMA
from tests.nano import TinyTokenizer, tiny_model

FAMILIES: dict[str, dict[str, Any]] = {
    "Mistral": LLAMA | {"sliding_window": 8},
    "Gemma2": LLAMA | {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
    "GPT2": IDS | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "OPT": LLAMA | {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "Bloom": IDS | {"hidden_size": 32, "n_layer": 2, "n_head": 4},
}


def prompts(*lengths: int, temperature: float = 1.4, tokens: int = 24) -> list[Prompt]:
    rng = random.Random(3)
    return [
        Prompt(
            str(i),
            Role.CODER,
            tuple(rng.randrange(2, 50) for _ in range(length)),
            i,
            SamplingParams(temperature, tokens),
        )
        for i, length in enumerate(lengths)
    ]


def sampler(model: PreTrainedModel) -> LocalSampler:
    return LocalSampler(model, TinyTokenizer())  # type: ignore[arg-type]


@contextmanager
def passes(model: PreTrainedModel) -> Iterator[list[tuple[int, int]]]:
    """[rows, positions] of each forward pass that the model makes meanwhile."""
    seen: list[tuple[int, int]] = []

    def look(module: torch.nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        rows, positions = given["input_ids"].shape
        seen.append((rows, positions))

    hook = model.register_forward_pre_hook(look, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def assert_plain(
    model: PreTrainedModel, asked: list[Prompt], found: list[list[Response]], atol: float = 2e-5
) -> None:
    """The log-probs are those of one pass over prompt and response without any cache."""
    for p, group in zip(asked, found, strict=True):
        for r in group:
            with torch.no_grad():
                logits = model(torch.tensor([p.token_ids + r.token_ids]), use_cache=False).logits
            logprobs = torch.log_softmax(logits[0].float() / p.params.temperature, -1)
            steps = logprobs[len(p.token_ids) - 1 : -1]
            plain = steps.gather(1, torch.tensor(r.token_ids)[:, None])[:, 0]
            torch.testing.assert_close(torch.tensor(r.logprobs), plain, atol=atol, rtol=1e-4)


def test_a_response_is_told_of_at_its_last_token() -> None:
    model = tiny_model()
    lengths: list[int] = []
    with passes(model) as seen:

        def arrived(number: int, response: Response) -> None:
            # one pass for all prompts gives the first token, one more each further one
            assert len(seen) == len(response.token_ids)
            lengths.append(len(response.token_ids))

        sampler(model).sample(prompts(5, 7, 6), 40, arrived)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 5
    assert len(lengths) == 120


def test_only_prompts_and_what_still_goes_on_is_computed() -> None:
    model = tiny_model()
    with passes(model) as seen:
        found = sampler(model).sample(prompts(5, 7, 6), 40)
    lengths = [len(r.token_ids) for group in found for r in group]
    going = [sum(length > step for length in lengths) for step in range(1, max(lengths))]
    assert seen == [(3, 7), *((rows, 1) for rows in going)]


def test_prompts_of_other_lengths_are_not_padded_to_the_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filling, "pass_cost", lambda model: 128)
    model = tiny_model()
    asked = prompts(80, 4, 5, 82, 6)
    with passes(model) as seen:
        found = sampler(model).sample(asked, 6)
    assert seen[:2] == [(3, 6), (2, 82)]
    assert_plain(model, asked, found)


def test_roles_with_other_limits_share_a_batch_in_any_order_of_lengths() -> None:
    model = tiny_model()
    asked = [*prompts(60, 70, tokens=3), *prompts(4, 70, 5, tokens=9)]
    found = sampler(model).sample(asked, 5)
    assert [max(len(r.token_ids) for r in g) <= 3 for g in found] == [True, True, *[False] * 3]
    assert_plain(model, asked, found)


@pytest.mark.parametrize("lengths", [(14, 5, 12), (9, 9)])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_with_and_without_padding(family: str, lengths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    model.generation_config.eos_token_id = 1
    asked = prompts(*lengths, temperature=5.0)
    found = sampler(model).sample(asked, 8)
    assert len({len(r.token_ids) for g in found for r in g}) > 2
    assert_plain(model, asked, found)


def test_looking_seldom_for_what_has_ended_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on an accelerator: rows go on for some tokens after their end."""
    model = tiny_model()
    always = sampler(model).sample(prompts(5, 7), 20)
    monkeypatch.setattr(decoding, "_check_every", lambda device: 5)
    with passes(model) as seen:
        seldom = sampler(model).sample(prompts(5, 7), 20)
    assert {rows for rows, _ in seen[1:5]} == {40}
    assert [[r.token_ids for r in g] for g in seldom] == [[r.token_ids for r in g] for g in always]
    assert [[r.stop for r in g] for g in seldom] == [[r.stop for r in g] for g in always]
    assert_plain(model, prompts(5, 7), seldom)


def test_a_row_that_is_over_is_never_beyond_the_models_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    config = transformers.GPT2Config(**FAMILIES["GPT2"] | {"n_positions": 32})
    model = transformers.GPT2LMHeadModel(config).eval()
    monkeypatch.setattr(decoding, "_check_every", lambda device: 8)
    asked = [*prompts(28, tokens=4), *prompts(3, tokens=29)]
    found = sampler(model).sample(asked, 8)
    assert max(len(r.token_ids) for r in found[0]) == 4
    assert_plain(model, asked, found)


def test_an_error_of_the_listener_ends_sampling_and_leaves_the_model_as_it_was() -> None:
    model = tiny_model()
    model.train()

    def arrived(number: int, response: Response) -> None:
        assert not model.training
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sampler(model).sample(prompts(5), 4, arrived)
    assert model.training
    assert torch.is_grad_enabled()


def test_tokens_are_those_where_the_cumulative_distribution_passes_the_number() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]])).repeat(6, 1)
    uniform = torch.tensor([0.0, 0.099, 0.101, 0.299, 0.301, 0.999], dtype=torch.float64)
    tokens, logprobs = draw(logits, None, uniform)
    assert tokens.tolist() == [0, 0, 1, 1, 2, 3]
    expected = torch.log(torch.tensor([0.1, 0.1, 0.2, 0.2, 0.3, 0.4]))
    torch.testing.assert_close(logprobs, expected)


def test_drawing_a_few_rows_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(11, 64, generator=generator) * 3
    uniform = torch.rand(11, dtype=torch.float64, generator=generator)
    temperature = torch.tensor([0.0, 0.5, 1.0, 1.7] * 3)[:11]
    whole = draw(logits, temperature, uniform), draw(logits, None, uniform)
    monkeypatch.setattr(drawing, "_AT_ONCE", 130)  # two rows
    parts = draw(logits, temperature, uniform), draw(logits, None, uniform)
    for a, b in zip(whole, parts, strict=True):
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
    assert torch.equal(whole[0][0][::4], logits[::4].argmax(-1))


def test_a_large_vocabulary_is_drawn_from_by_blocks_to_the_same_tokens() -> None:
    generator = torch.Generator().manual_seed(0)
    size = 1 << 15
    logits = torch.randn(40, size, generator=generator) * 6
    logits[:8, torch.randperm(size, generator=generator)[: size - 3]] = -torch.inf  # a cut
    uniform = torch.rand(40, dtype=torch.float64, generator=generator)
    uniform[::5], uniform[1::5] = 0, 1 - 2.0**-53
    temperature = torch.tensor([0.0, 0.5, 1.0, 1.7] * 10)
    for given in (temperature, None):
        tokens, logprobs = draw(logits, given, uniform)
        wanted, found = drawing._draw(logits, given, uniform)
        assert logprobs.isfinite().all()
        torch.testing.assert_close(logprobs, found, rtol=1e-6, atol=3e-5)
        at_start = uniform == 0  # there `_draw` may take what has no probability
        assert torch.equal(tokens[~at_start], wanted[~at_start])
