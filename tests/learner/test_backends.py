"""One number in several ways: log-probs and gradients of every backend are those of plain rows."""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
import transformers
from torch.nn.attention.flex_attention import BlockMask
from transformers import AutoModelForCausalLM

from sparring.errors import ModelError
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.logprobs import flex
from sparring.learner.logprobs.backend import attending, chosen_backend, problem_of, settled_backend
from sparring.learner.logprobs.blocks import Visible, block_mask
from sparring.learner.logprobs.compute import ResponseLogprobs, response_logprobs
from sparring.learner.logprobs.flex import FLEX
from sparring.learner.logprobs.prompt_cache import by_length, pass_cost
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import LogprobBackend
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision
from tests.learner.families import FAMILIES, LLAMA, family, mixed_groups, wide
from tests.learner.one_step import ONE_STEP
from tests.learner.packed import packed_logprobs
from tests.nano import nano, tiny_model

Way = Callable[[Any, list[SampleGroup]], ResponseLogprobs]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
DIFFERENTIABLE = (LogprobBackend.PROMPT_CACHE, LogprobBackend.PADDED)
WAYS: dict[str, Way] = {
    "packed": packed_logprobs,
    **{str(b): functools.partial(response_logprobs, backend=b) for b in DIFFERENTIABLE},
}
"""The backends that go both ways on a CPU, and what they are tested by."""


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Flex attention as it is written: compiling it takes longer than the test."""
    with torch.compiler.set_stance("force_eager"):
        yield


def plain(model: torch.nn.Module, groups: list[SampleGroup]) -> tuple[torch.Tensor, torch.Tensor]:
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
    for way in WAYS.values():
        found = way(model, groups)
        torch.testing.assert_close(found.logprob, logprob, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.entropy, entropy, atol=1e-5, rtol=1e-5)
        assert_close(gradient(model, found.logprob), expected)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "GPT2"])
def test_flex_attention_gives_what_plain_rows_give(name: str, uncompiled: None) -> None:
    """But for GPT-2, for which `transformers` has none."""
    model, groups = family(name, wide(name)), mixed_groups()
    logprob, entropy = plain(model, groups)
    with torch.no_grad(), attending(model, LogprobBackend.FLEX):
        found = response_logprobs(model, groups, LogprobBackend.FLEX)
    torch.testing.assert_close(found.logprob, logprob, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.entropy, entropy, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="flex attention has no backward on a CPU")
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("head", [16, 64])
@pytest.mark.parametrize("name", ["Llama", "Qwen2", "Gemma2"])
def test_flex_attention_gives_the_gradient_of_plain_rows(
    name: str, head: int, precision: Precision, checkpointing: bool
) -> None:
    settings = ModelSettings(gradient_checkpointing=checkpointing)
    model = prepare_model(family(name, wide(name, head)), settings, 0)
    expected = gradient(model, plain(model, mixed_groups())[0])
    model = model.to(CUDA, torch.bfloat16 if precision is Precision.BFLOAT16 else None)
    model.train(checkpointing)
    assert problem_of(model, LogprobBackend.FLEX, precision) is None
    with attending(model, LogprobBackend.FLEX):
        logprob = response_logprobs(model, mixed_groups(), LogprobBackend.FLEX).logprob
        logprob = logprob * torch.linspace(-1, 2, len(logprob), device=CUDA)
        model.zero_grad()
        logprob.sum().backward()
    found = [p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None]
    gap = (torch.cat(found).float() - expected).norm() / expected.norm()
    assert gap < (1e-3 if precision is Precision.FLOAT32 else 5e-2)


@pytest.mark.parametrize("way", ["packed", "padded"])
def test_backends_without_a_cache_go_with_gradient_checkpointing(way: str) -> None:
    model = prepare_model(family("Qwen2"), ModelSettings(gradient_checkpointing=True), 0)
    expected = gradient(model, plain(model, mixed_groups())[0])
    model.train()
    found = WAYS[way](model, mixed_groups()).logprob
    assert_close(gradient(model, found), expected)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_adapters_gradient_is_that_of_plain_rows(way: Way) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=4, lora_alpha=8.0), 0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(std=0.1)
    logprob, _ = plain(model, mixed_groups())
    found = way(model, mixed_groups()).logprob
    torch.testing.assert_close(found, logprob, atol=1e-5, rtol=1e-5)
    assert_close(gradient(model, found), gradient(model, logprob))


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        (
            "Bloom",
            {"vocab_size": 50, "hidden_size": 32, "n_layer": 2, "n_head": 4},
            "it fails on bloom here: ValueError: too many values to unpack",
        ),
        (
            "MPT",
            {"vocab_size": 50, "d_model": 32, "n_layers": 2, "n_heads": 4},
            "it fails on mpt here: TypeError: masked_fill() received an invalid",
        ),
        (
            "Llama4Text",
            LLAMA | {"head_dim": 8, "attention_chunk_size": 8, "num_local_experts": 2},
            "llama4_text has layers of chunked_attention, which flex attention cannot compute",
        ),
    ],
)
def test_a_model_that_does_not_attend_by_position_is_not_packed(
    name: str, settings: dict[str, object], reason: str, uncompiled: None
) -> None:
    model = family(name.replace("MPT", "Mpt"), settings)
    problem = problem_of(model, LogprobBackend.FLEX, Precision.FLOAT32)
    assert problem is not None
    assert problem.startswith(reason)
    assert "\n" not in problem


@pytest.mark.parametrize("name", FAMILIES)
def test_families_that_can_be_packed_are_let_through(name: str, uncompiled: None) -> None:
    for precision in Precision:
        if name != "GPT2":
            assert problem_of(family(name, wide(name)), LogprobBackend.FLEX, precision) is None


@pytest.mark.parametrize(
    ("wanted", "name", "checkpointing", "device", "expected"),
    [
        (LogprobBackend.AUTO, "Llama", False, CPU, LogprobBackend.PROMPT_CACHE),
        (LogprobBackend.AUTO, "Llama", False, CUDA, LogprobBackend.PROMPT_CACHE),
        (LogprobBackend.AUTO, "Llama", True, CPU, LogprobBackend.PADDED),
        (LogprobBackend.AUTO, "Llama", True, CUDA, LogprobBackend.FLEX),
        (LogprobBackend.AUTO, "GPT2", True, CUDA, LogprobBackend.PADDED),
        (LogprobBackend.FLEX, "Llama", False, CUDA, LogprobBackend.FLEX),
    ],
)
def test_auto_is_what_fits(
    wanted: LogprobBackend,
    name: str,
    checkpointing: bool,
    device: torch.device,
    expected: LogprobBackend,
) -> None:
    model = prepare_model(family(name), ModelSettings(gradient_checkpointing=checkpointing), 0)
    assert chosen_backend(wanted, model, device) is expected


@pytest.mark.parametrize(
    ("name", "checkpointing", "device", "backend", "reason"),
    [
        ("Llama", False, CPU, LogprobBackend.FLEX, "no backward pass on cpu"),
        ("Llama", True, CPU, LogprobBackend.PROMPT_CACHE, "keeps no cache"),
        ("GPT2", True, CUDA, LogprobBackend.FLEX, "no flex attention for gpt2"),
    ],
)
def test_what_cannot_be_is_one_line(
    name: str, checkpointing: bool, device: torch.device, backend: LogprobBackend, reason: str
) -> None:
    model = prepare_model(family(name), ModelSettings(gradient_checkpointing=checkpointing), 0)
    with pytest.raises(ModelError, match=reason) as caught:
        chosen_backend(backend, model, device)
    assert "\n" not in str(caught.value)


class Refused(RuntimeError):
    """As inductor and Triton tell it: all of it runtime errors, most of the lines advice."""


REAL = (
    "backend='inductor' raised:\nRefused: No valid triton configs. OutOfResources: out of "
    "resource: shared memory, Required: 131072, Hardware limit: 101376\n\n"
    "Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace"
)


@pytest.fixture
def on_a_gpu() -> DistributedContext:
    """What settles thinks that it is on one; what computes is on the CPU."""
    distributed = DistributedContext()
    distributed.device = CUDA
    return distributed


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Refused(REAL), "out of resource: shared memory, Required: 131072, Hardware limit: 101376"),
        (ValueError("query, key and value differ in dtype"), "ValueError: query, key and value"),
        (AssertionError(), "AssertionError: no reason given"),
    ],
)
def test_auto_takes_rows_where_flex_fails_and_says_why(
    on_a_gpu: DistributedContext, monkeypatch: pytest.MonkeyPatch, failure: Exception, told: str
) -> None:
    def failing(*_: object) -> None:
        raise failure

    monkeypatch.setattr(flex, "_call", failing)
    model = prepare_model(
        family("Llama", wide("Llama")), ModelSettings(gradient_checkpointing=True), 0
    )
    found = settled_backend(LogprobBackend.AUTO, model, Precision.FLOAT32, on_a_gpu, False)
    assert found.backend is LogprobBackend.PADDED
    assert found.note is not None
    assert told in found.note
    assert "\n" not in found.note
    assert "TORCHDYNAMO" not in found.note
    assert "mask" not in found.note
    with pytest.raises(ModelError, match=r"learning\.backend = flex: it fails on llama") as caught:
        settled_backend(LogprobBackend.FLEX, model, Precision.FLOAT32, on_a_gpu, False)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_auto_takes_rows_where_heads_are_too_small(on_a_gpu: DistributedContext) -> None:
    model = prepare_model(family("Qwen2"), ModelSettings(gradient_checkpointing=True), 0)
    found = settled_backend(LogprobBackend.AUTO, model, Precision.FLOAT32, on_a_gpu, False)
    assert found.backend is LogprobBackend.PADDED
    assert "heads of at least 16 values; these have 8" in (found.note or "")


def test_all_processes_settle_on_the_same(
    on_a_gpu: DistributedContext, monkeypatch: pytest.MonkeyPatch, uncompiled: None
) -> None:
    """Where flex fails on another process it is not used here either."""
    monkeypatch.setattr(DistributedContext, "highest", lambda self, values: [1.0 for _ in values])
    model = prepare_model(
        family("Llama", wide("Llama")), ModelSettings(gradient_checkpointing=True), 0
    )
    found = settled_backend(LogprobBackend.AUTO, model, Precision.FLOAT32, on_a_gpu, False)
    assert found.backend is LogprobBackend.PADDED
    assert "another process" in (found.note or "")


@pytest.mark.parametrize("precision", Precision)
def test_a_mask_that_is_ignored_is_found_out_in_either_precision(
    precision: Precision, uncompiled: None
) -> None:
    model = copy.deepcopy(nano()[0])
    if precision is Precision.BFLOAT16:
        model = model.bfloat16()
    assert problem_of(model, LogprobBackend.FLEX, precision) is None

    def causal(_: object, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> object:
        if not isinstance(kwargs["attention_mask"], BlockMask):
            return args, kwargs
        nothing = torch.zeros(args[0].shape[:2], dtype=torch.long)
        return args, kwargs | {"attention_mask": block_mask(Visible(nothing, nothing, nothing))}

    for layer in model.model.layers:
        layer.register_forward_pre_hook(causal, with_kwargs=True)
    problem = problem_of(model, LogprobBackend.FLEX, precision)
    assert problem is not None
    start = "llama does not attend by the mask that it is given (log-probs differ"
    assert problem.startswith(start)


def test_the_model_attends_as_before_afterwards() -> None:
    model = family("Llama")
    before = model.config._attn_implementation
    seen = []

    def failing() -> None:
        with attending(model, LogprobBackend.FLEX):
            seen.append(model.config._attn_implementation)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert seen == [FLEX]
    assert model.config._attn_implementation == before


@pytest.mark.parametrize("backend", DIFFERENTIABLE)
def test_an_update_is_the_same_whatever_computes_it(backend: LogprobBackend) -> None:
    found = []
    for one in (LogprobBackend.AUTO, backend):
        settings = ONE_STEP.changed(backend=one, learning_rate=1e-3, ppo_epochs=2, kl_coef=0.1)
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


@pytest.mark.parametrize("name", FAMILIES)
def test_in_bfloat16_the_prompt_cache_gives_what_rows_give(name: str) -> None:
    """Tokens are looked up at once and keys are not repeated; the rest is rounding."""
    model, groups = family(name), mixed_groups()
    expected = gradient(model, response_logprobs(model, groups, LogprobBackend.PADDED).logprob)
    half = model.bfloat16()
    assert problem_of(half, LogprobBackend.PROMPT_CACHE, Precision.BFLOAT16) is None
    with attending(half, LogprobBackend.PROMPT_CACHE):
        found = gradient(half, response_logprobs(half, groups).logprob)
    rows = gradient(half, response_logprobs(half, groups, LogprobBackend.PADDED).logprob)
    gap, rounding = ((x.float() - expected).norm() for x in (found, rows))
    assert gap < 1.5 * rounding < 0.15 * expected.norm()


def test_a_model_that_wants_more_of_tokens_than_embeddings_is_found_out() -> None:
    model = copy.deepcopy(nano()[0]).bfloat16()

    def more(_: object, args: object, kwargs: dict[str, torch.Tensor]) -> object:
        if (ids := kwargs.get("input_ids")) is None:
            return args, kwargs
        table = model.get_input_embeddings()
        return args, kwargs | {"input_ids": None, "inputs_embeds": table(ids) + table(ids + 1)}

    model.model.register_forward_pre_hook(more, with_kwargs=True)
    problem = problem_of(model, LogprobBackend.PROMPT_CACHE, Precision.BFLOAT16)
    assert (problem or "").startswith("llama does not compute from the embeddings that it is given")
    found = settled_backend(
        LogprobBackend.AUTO, model, Precision.BFLOAT16, DistributedContext(), False
    )
    assert found.backend is LogprobBackend.PADDED


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("backend", [LogprobBackend.PROMPT_CACHE, LogprobBackend.PADDED])
def test_keys_are_repeated_in_float32_alone(
    backend: LogprobBackend, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the sums of runs that are on record are kept to the bit."""
    heads = set()
    attention = torch.nn.functional.scaled_dot_product_attention

    def noted(query: torch.Tensor, key: torch.Tensor, *args: object, **kwargs: object) -> object:
        if kwargs.get("attn_mask") is not None:
            heads.add((query.shape[1], key.shape[1]))
        return attention(query, key, *args, **kwargs)

    model = family("Llama")
    if precision is Precision.BFLOAT16:
        model = model.bfloat16()
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", noted)
    with attending(model, backend):
        response_logprobs(model, mixed_groups(), backend)
    assert heads == {(4, 4 if precision is Precision.FLOAT32 else 2)}


@pytest.mark.parametrize(
    ("settings", "cost"),
    [
        (LLAMA, 64),
        (LLAMA | {"hidden_size": 1024, "intermediate_size": 4096, "vocab_size": 152_000}, 28),
    ],
)
def test_one_more_pass_costs_what_the_models_shape_says(
    settings: dict[str, Any], cost: int
) -> None:
    """The embedded model's 64, on which its recorded runs depend; less where weights are large;
    the same whenever it is asked."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(transformers.LlamaConfig(**settings))
    for kind in ("cpu", "cuda"):
        assert pass_cost(model, kind) == pass_cost(model, kind)
    assert pass_cost(model, "cpu") == cost
    assert pass_cost(nano()[0], "cpu") == 64
    frozen = pass_cost(model.requires_grad_(False), "cpu")
    assert frozen <= cost
