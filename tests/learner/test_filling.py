"""Micro-batches by what a backend computes, and who makes which: all responses once, within the
budget, full, and even."""

from __future__ import annotations

import math
import random
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.learner.balance import rounds, shares
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.filling import computed, micro_batches
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LogprobBackend
from sparring.schema import Role
from tests.learner.families import family
from tests.learner.test_update import groups as real_groups

BACKENDS = tuple(b for b in LogprobBackend if b is not LogprobBackend.AUTO)
SIZES = st.lists(
    st.tuples(st.integers(1, 40), st.lists(st.integers(1, 60), min_size=1, max_size=6)),
    min_size=1,
    max_size=6,
)


def of_lengths(lengths: list[tuple[int, list[int]]]) -> list[SampleGroup]:
    """Groups of such prompts and responses; each prompt and response is another."""
    number = iter(range(2, 1_000_000))

    def ids(length: int) -> tuple[int, ...]:
        return (next(number), *(1,) * (length - 1))

    return [
        SampleGroup(
            Role.CODER, ids(p), 1.0, tuple(Sample(ids(n), (0.0,) * n, 1.0) for n in responses)
        )
        for p, responses in lengths
    ]


def kept(batches: list[list[SampleGroup]]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(prompt, response) of every sample."""
    return sorted((g.prompt_ids, s.token_ids) for b in batches for g in b for s in g.samples)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60)
@given(lengths=SIZES, budget=st.integers(1, 400), size=st.integers(1, 5))
def test_every_response_is_in_one_batch_and_batches_keep_to_the_budget(
    backend: LogprobBackend, lengths: list[tuple[int, list[int]]], budget: int, size: int
) -> None:
    groups = of_lengths(lengths)
    batches = micro_batches(groups, budget, backend)
    assert kept(batches) == kept([groups])
    for b in batches:
        alone = sum(len(g.samples) for g in b) == 1
        blocks = backend is LogprobBackend.FLEX and budget < 128  # it computes whole ones
        assert computed(b, backend) <= (128 if blocks else budget) or alone
    dealt = shares(groups, budget, backend, size)
    assert kept(list(chain(*dealt))) == kept([groups])
    passes = [rounds(groups, budget, backend, rank, size, in_step=True) for rank in range(size)]
    assert len({len(own) for own in passes}) == 1
    assert kept([b for own in passes for b in own]) == kept([groups])
    assert len(passes[0]) == max(1, -(-len(batches) // size))  # no rounds more than are needed
    assert sum(not b for own in passes for b in own) < size


@pytest.mark.parametrize("backend", [LogprobBackend.PROMPT_CACHE, LogprobBackend.PADDED])
@pytest.mark.parametrize("budget", [9, 30, 1000])
def test_what_is_counted_is_what_the_model_computes(backend: LogprobBackend, budget: int) -> None:
    """`prompt_cache` at most: it may split rows by length."""
    model, seen = family("Llama"), []
    model.get_decoder().register_forward_hook(lambda *a: seen.append(a[2][0].shape[:2].numel()))
    for batch in micro_batches(real_groups(), budget, backend):
        seen.clear()
        with torch.no_grad():
            response_logprobs(model, batch, backend)
        if backend is LogprobBackend.PROMPT_CACHE:
            assert sum(seen) <= computed(batch, backend)
        else:
            assert sum(seen) == computed(batch, backend)


def test_without_others_the_prompt_cache_has_the_batches_that_it_always_had() -> None:
    """Runs of the embedded model stay equal to the bit."""
    groups = of_lengths([(5, [4, 9]), (3, [2, 2, 7]), (8, [30])])
    found = micro_batches(groups, 40, LogprobBackend.PROMPT_CACHE)
    lengths = [
        [(len(g.prompt_ids), [len(s.token_ids) for s in g.samples]) for g in b] for b in found
    ]
    assert lengths == [[(3, [2, 2, 7])], [(5, [4, 9])], [(8, [30])]]


def long_tailed(seed: int, share: float) -> list[SampleGroup]:
    """As a review of the paper's setting simulated it: 50 groups of 16, 700 tokens in the mean, a
    ``share`` of the responses at the limit of 8,000."""
    rng = random.Random(seed)
    found = []
    for _ in range(50):
        mean = rng.lognormvariate(math.log(700) - 0.18, 0.6)
        lengths = [
            8000
            if rng.random() < share
            else max(8, min(8000, int(mean * rng.lognormvariate(-0.08, 0.4))))
            for _ in range(16)
        ]
        found.append((rng.randint(300, 800), lengths))
    return of_lengths(found)


@pytest.mark.parametrize("share", [0.004, 0.008])
def test_one_long_response_does_not_cost_as_often_as_there_are_others(share: float) -> None:
    """With costs of padded groups six ranks took 1.7 to 1.9 times as long as the ideal."""
    groups = long_tailed(1, share)
    own = [
        [computed(b, LogprobBackend.FLEX) if b else 0 for b in rounds(
            groups, 20_000, LogprobBackend.FLEX, rank, 6, in_step=True
        )]
        for rank in range(6)
    ]  # fmt: skip
    ideal = sum(len(g.prompt_ids) + sum(len(s.token_ids) - 1 for s in g.samples) for g in groups)
    taken = sum(max(passes) for passes in zip(*own, strict=True))
    assert taken < 1.1 * ideal / 6
    assert all(cost for passes in own for cost in passes)  # nobody idles
    [alone] = shares(groups, 20_000, LogprobBackend.FLEX, 1)
    filled = [computed(b, LogprobBackend.FLEX) for b in alone]
    assert sum(filled) > 0.93 * 20_000 * len(filled)


def test_several_processes_share_a_single_group() -> None:
    groups = of_lengths([(10, [20] * 12)])
    own = shares(groups, 10_000, LogprobBackend.PROMPT_CACHE, 4)
    assert [[len(g.samples) for b in batches for g in b] for batches in own] == [[3]] * 4


def test_auto_is_no_backend_for_whoever_counts_or_computes() -> None:
    """Whatever is not a backend is refused, and not counted as one of them."""
    groups = of_lengths([(3, [2, 4])])
    for made in (
        lambda: computed(groups, LogprobBackend.AUTO),
        lambda: micro_batches(groups, 10, LogprobBackend.AUTO),
        lambda: response_logprobs(family("Llama"), real_groups(), LogprobBackend.AUTO),
    ):
        with pytest.raises(ValueError, match="auto is not a backend"):
            made()
