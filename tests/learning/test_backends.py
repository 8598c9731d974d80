"""One number in four ways: log-probs and gradients of every backend are those of plain rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from tests.learning.families import FAMILIES, LLAMA, family, mixed_groups
from tests.nano import tiny_model

from sparring.errors import ModelError
from sparring.learning.backend import FLEX, attending, check_backend, chosen_backend
from sparring.learning.logprobs import response_logprobs
from sparring.learning.model import prepare_model
from sparring.learning.prompt_cache import by_length
from sparring.learning.samples import Group
from sparring.learning.settings import Backend, LearningSettings, LossSettings, ModelSettings
from sparring.learning.update import Learner

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
DIFFERENTIABLE = (Backend.PROMPT_CACHE, Backend.PACKED, Backend.PADDED)


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Flex attention as it is written: compiling it takes longer than the test."""
    with torch.compiler.set_stance("force_eager"):
        yield


def plain(model: torch.nn.Module, groups: list[Group]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probs and entropies by one call of the model for each response."""
    logprobs, entropies = [], []
    for g in groups:
        for s in g.samples:
            ids = torch.tensor([[*g.prompt_ids, *s.token_ids]])
            logits = model(input_ids=ids, use_cache=False).logits[0, len(g.prompt_ids) - 1 : -1]
            steps = torch.log_softmax(logits.float() / g.temperature, -1)
            logprobs.append(steps.gather(1, torch.tensor(s.token_ids)[:, None])[:, 0])
            entropies.append(-(steps.exp() * steps).sum(-1))
    return torch.cat(logprobs), torch.cat(entropies)


def gradient(model: torch.nn.Module, logprob: torch.Tensor) -> torch.Tensor:
    """Of a sum in which each token counts differently."""
    model.zero_grad()
    (logprob * torch.linspace(-1, 2, len(logprob))).sum().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert (found - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize("name", FAMILIES)
def test_all_backends_give_what_plain_rows_give(name: str, uncompiled: None) -> None:
    model, groups = family(name), mixed_groups()
    logprob, entropy = plain(model, groups)
    expected = gradient(model, logprob)
    for backend in DIFFERENTIABLE:
        found = response_logprobs(model, groups, backend)
        torch.testing.assert_close(found.logprob, logprob, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.entropy, entropy, atol=1e-5, rtol=1e-5)
        assert_close(gradient(model, found.logprob), expected)
    if name == "GPT2":
        return  # transformers has no flex attention for it
    with torch.no_grad(), attending(model, Backend.FLEX):
        found = response_logprobs(model, groups, Backend.FLEX)
    torch.testing.assert_close(found.logprob, logprob, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="flex attention has no backward on a CPU")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_flex_attention_gives_the_gradient_of_plain_rows(checkpointing: bool) -> None:
    settings = ModelSettings(gradient_checkpointing=checkpointing)
    model = prepare_model(family("Llama"), settings, 0)
    expected = gradient(model, plain(model, mixed_groups())[0])
    model = model.to(CUDA).train(checkpointing)
    with attending(model, Backend.FLEX):
        logprob = response_logprobs(model, mixed_groups(), Backend.FLEX).logprob
        logprob = logprob * torch.linspace(-1, 2, len(logprob), device=CUDA)
        model.zero_grad()
        logprob.sum().backward()
    found = torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])
    assert (found - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("backend", [Backend.PACKED, Backend.PADDED])
def test_backends_without_a_cache_go_with_gradient_checkpointing(backend: Backend) -> None:
    model = prepare_model(family("Qwen2"), ModelSettings(gradient_checkpointing=True), 0)
    expected = gradient(model, plain(model, mixed_groups())[0])
    model.train()
    found = response_logprobs(model, mixed_groups(), backend).logprob
    assert_close(gradient(model, found), expected)


@pytest.mark.parametrize("backend", DIFFERENTIABLE)
def test_an_adapters_gradient_is_that_of_plain_rows(backend: Backend) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=4, lora_alpha=8.0), 0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(std=0.1)
    logprob, _ = plain(model, mixed_groups())
    found = response_logprobs(model, mixed_groups(), backend).logprob
    torch.testing.assert_close(found, logprob, atol=1e-5, rtol=1e-5)
    assert_close(gradient(model, found), gradient(model, logprob))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Bloom", {"vocab_size": 50, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
        ("MPT", {"vocab_size": 50, "d_model": 32, "n_layers": 2, "n_heads": 4}),
        ("Llama4Text", LLAMA | {"head_dim": 8, "attention_chunk_size": 8, "num_local_experts": 2}),
    ],
)
def test_a_model_that_does_not_attend_by_position_is_not_packed(
    name: str, settings: dict[str, object]
) -> None:
    model = family(name.replace("MPT", "Mpt"), settings)
    with pytest.raises(ModelError, match=r"learning\.backend") as caught:
        check_backend(model, Backend.PACKED)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_that_can_be_packed_are_let_through(name: str, uncompiled: None) -> None:
    check_backend(family(name), Backend.PACKED)
    if name != "GPT2":
        check_backend(family(name), Backend.FLEX)


@pytest.mark.parametrize(
    ("wanted", "name", "checkpointing", "device", "expected"),
    [
        (Backend.AUTO, "Llama", False, CPU, Backend.PROMPT_CACHE),
        (Backend.AUTO, "Llama", False, CUDA, Backend.PROMPT_CACHE),
        (Backend.AUTO, "Llama", True, CPU, Backend.PADDED),
        (Backend.AUTO, "Llama", True, CUDA, Backend.FLEX),
        (Backend.AUTO, "GPT2", True, CUDA, Backend.PADDED),
        (Backend.PACKED, "Llama", True, CPU, Backend.PACKED),
        (Backend.FLEX, "Llama", False, CUDA, Backend.FLEX),
    ],
)
def test_auto_is_what_fits(
    wanted: Backend, name: str, checkpointing: bool, device: torch.device, expected: Backend
) -> None:
    model = prepare_model(family(name), ModelSettings(gradient_checkpointing=checkpointing), 0)
    assert chosen_backend(wanted, model, device) is expected


@pytest.mark.parametrize(
    ("name", "checkpointing", "device", "backend", "reason"),
    [
        ("Llama", False, CPU, Backend.FLEX, "no backward pass on cpu"),
        ("Llama", True, CPU, Backend.PROMPT_CACHE, "keeps no cache"),
        ("GPT2", True, CUDA, Backend.FLEX, "no flex attention for gpt2"),
    ],
)
def test_what_cannot_be_is_one_line(
    name: str, checkpointing: bool, device: torch.device, backend: Backend, reason: str
) -> None:
    model = prepare_model(family(name), ModelSettings(gradient_checkpointing=checkpointing), 0)
    with pytest.raises(ModelError, match=reason) as caught:
        chosen_backend(backend, model, device)
    assert "\n" not in str(caught.value)


def test_the_model_attends_as_before_afterwards() -> None:
    model = family("Llama")
    before = model.config._attn_implementation
    seen = []

    def failing() -> None:
        with attending(model, Backend.FLEX):
            seen.append(model.config._attn_implementation)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert seen == [FLEX]
    assert model.config._attn_implementation == before


@pytest.mark.parametrize("backend", DIFFERENTIABLE)
def test_an_update_is_the_same_whatever_computes_it(backend: Backend) -> None:
    found = []
    for one in (Backend.AUTO, backend):
        settings = LearningSettings(
            backend=one, learning_rate=1e-3, epochs=2, loss=LossSettings(kl=0.1)
        )
        learner = Learner(tiny_model(), settings)
        learner.update(mixed_groups())
        found.append(torch.cat([p.detach().flatten() for p in learner.model.parameters()]))
    torch.testing.assert_close(found[0], found[1], atol=2e-5, rtol=1e-4)


def test_rows_of_similar_length_run_together() -> None:
    assert by_length([5, 0, 5, 5], 100) == [[0, 2, 3]]
    assert by_length([], 1) == by_length([0, 0], 1) == []
    # 2·40 + 2·10 positions and two parts, or 4·40 positions and one
    assert by_length([10, 40, 9, 40], 0) == [[1, 3], [0], [2]]
    assert by_length([10, 40, 9, 40], 30) == [[1, 3], [0, 2]]
    assert by_length([10, 40, 9, 40], 70) == [[1, 3, 0, 2]]


def test_the_split_by_length_is_the_cheapest() -> None:
    rng = random.Random(2)
    for _ in range(30):
        lengths = [rng.randrange(0, 30) for _ in range(8)]
        cost = rng.randrange(0, 40)
        parts = by_length(lengths, cost)
        assert sorted(i for part in parts for i in part) == [i for i in range(8) if lengths[i]]
        found = sum(cost + len(p) * max(lengths[i] for i in p) for p in parts)
        rows = sorted((n for n in lengths if n), reverse=True)
        best = min(
            sum(cost + rows[a] * (b - a) for a, b in pairwise([0, *cuts, len(rows)]))
            for cuts in _subsets(len(rows))
        )
        assert found == best


def _subsets(count: int) -> Iterator[list[int]]:
    for bits in range(1 << (count - 1)):
        yield [i + 1 for i in range(count - 1) if bits >> i & 1]
