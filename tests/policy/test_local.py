"""The local sampler: right distribution, right log-probs, right stops, repeatable."""

from __future__ import annotations

import pytest
import torch

from sparring.errors import ModelError
from sparring.policy.base import Prompt, SamplingParams, sampling_seed
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response, Role, StopReason
from tests.nano import TinyTokenizer, tiny_model


def prompt(
    ids: tuple[int, ...], temperature: float = 1.0, tokens: int = 12, seed: int = 5
) -> Prompt:
    return Prompt("t", Role.CODER, ids, seed, SamplingParams(temperature, tokens))


@pytest.fixture(scope="module")
def sampler() -> LocalSampler:
    return LocalSampler(tiny_model(), TinyTokenizer())  # type: ignore[arg-type]


def plain_logprobs(response: Response, temperature: float) -> torch.Tensor:
    """Log-probs by one forward pass over prompt and response, without any cache."""
    ids = torch.tensor([[*response.prompt_ids, *response.token_ids]])
    with torch.no_grad():
        logits = tiny_model()(input_ids=ids).logits[0].float() / temperature
    start = len(response.prompt_ids)
    steps = torch.log_softmax(logits[start - 1 : -1], -1)
    return steps.gather(1, torch.tensor(response.token_ids)[:, None])[:, 0]


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.6])
def test_logprobs_are_those_of_the_sampled_distribution(
    sampler: LocalSampler, temperature: float
) -> None:
    prompts = [prompt((3, 4, 5), temperature), prompt((7, 8, 9, 10, 11), temperature, seed=6)]
    for group in sampler.sample(prompts, 6):
        for r in group:
            expected = plain_logprobs(r, temperature)
            torch.testing.assert_close(torch.tensor(r.logprobs), expected, atol=2e-5, rtol=1e-4)


def test_frequencies_follow_the_model(sampler: LocalSampler) -> None:
    n = 6000
    [group] = sampler.sample([prompt((3, 4, 5), 1.0, tokens=1)], n)
    with torch.no_grad():
        p = torch.softmax(tiny_model()(input_ids=torch.tensor([[3, 4, 5]])).logits[0, -1], -1)
    counts = torch.bincount(torch.tensor([r.token_ids[0] for r in group]), minlength=50)
    # χ² over tokens with enough expected draws; 50 classes, far tail
    enough = p * n > 5
    chi2 = (((counts - p * n) ** 2) / (p * n))[enough].sum()
    assert chi2 < 110


def test_a_response_does_not_depend_on_its_neighbours(sampler: LocalSampler) -> None:
    alone = sampler.sample([prompt((3, 4, 5))], 4)[0]
    crowd = sampler.sample([prompt((9, 9)), prompt((3, 4, 5)), prompt((8, 7, 6, 5), seed=1)], 4)[1]
    assert [r.token_ids for r in alone] == [r.token_ids for r in crowd]
    fewer = sampler.sample([prompt((3, 4, 5))], 2)[0]
    assert [r.token_ids for r in fewer] == [r.token_ids for r in alone[:2]]


def test_splitting_into_batches_changes_nothing() -> None:
    prompts = [prompt(tuple(range(3, 5 + i)), seed=i) for i in range(6)]
    whole = LocalSampler(tiny_model(), TinyTokenizer()).sample(prompts, 3)  # type: ignore[arg-type]
    parts = LocalSampler(tiny_model(), TinyTokenizer(), max_batch_size=4).sample(prompts, 3)  # type: ignore[arg-type]
    assert [[r.token_ids for r in g] for g in whole] == [[r.token_ids for r in g] for g in parts]


def test_stops_at_the_end_token_or_the_limit(sampler: LocalSampler) -> None:
    [group] = sampler.sample([prompt((3, 4, 5), 1.6, tokens=20)], 300)
    ended = [r for r in group if r.stop is StopReason.END_TOKEN]
    cut = [r for r in group if r.stop is StopReason.LENGTH]
    assert ended
    assert cut
    assert all(r.token_ids[-1] == 1 and 1 not in r.token_ids[:-1] for r in ended)
    assert all(len(r.token_ids) == 20 and 1 not in r.token_ids for r in cut)
    assert all(len(r.logprobs) == len(r.token_ids) for r in group)


def test_temperature_zero_takes_the_likeliest_token(sampler: LocalSampler) -> None:
    [group] = sampler.sample([prompt((3, 4, 5), 0.0, tokens=5)], 2)
    ids = [3, 4, 5]
    for _ in range(len(group[0].token_ids)):
        with torch.no_grad():
            ids.append(int(tiny_model()(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    assert group[0].token_ids == group[1].token_ids == tuple(ids[3:])


def test_each_role_has_its_own_limits_in_one_call(sampler: LocalSampler) -> None:
    short, long = sampler.sample([prompt((3, 4), tokens=2), prompt((3, 4), tokens=9)], 8)
    assert max(len(r.token_ids) for r in short) <= 2
    assert [r.token_ids for r in short] == [r.token_ids[:2] for r in long]


def test_seeds_differ_by_everything_that_identifies_a_prompt() -> None:
    base = sampling_seed(0, 1, "a", Role.CODER)
    others = [
        sampling_seed(1, 1, "a", Role.CODER),
        sampling_seed(0, 2, "a", Role.CODER),
        sampling_seed(0, 1, "b", Role.CODER),
        sampling_seed(0, 1, "a", Role.TESTER),
    ]
    assert len({base, *others}) == 5
    assert 0 <= base < 2**63


def test_no_room_for_the_response_is_one_clear_line(sampler: LocalSampler) -> None:
    with pytest.raises(ModelError, match=r"task t: a prompt of 2 tokens .* 128 positions"):
        sampler.sample([prompt((3, 4), tokens=500)], 1)


def test_a_model_without_an_end_token_is_refused() -> None:
    class Endless(TinyTokenizer):
        eos_token_id = None  # type: ignore[assignment]

    model = tiny_model()
    model.generation_config.eos_token_id = None
    with pytest.raises(ModelError, match="no end token"):
        LocalSampler(model, Endless())  # type: ignore[arg-type]


def test_each_response_is_told_of_once_when_it_arrives() -> None:
    sampler = LocalSampler(tiny_model(), TinyTokenizer(), max_batch_size=6)  # type: ignore[arg-type]
    prompts = [prompt((3, 4, 5)), prompt((7, 8), seed=6), prompt((3,), tokens=3, seed=7)]
    told: dict[tuple[int, int], Response] = {}

    def arrived(number: int, response: Response) -> None:
        assert (number, response.index) not in told
        told[number, response.index] = response

    found = sampler.sample(prompts, 3, arrived)
    assert told == {(i, r.index): r for i, group in enumerate(found) for r in group}
