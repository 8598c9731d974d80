"""Sampling by vLLM servers, against one that behaves like it: log-probs, weights, failures."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.errors import RunError
from sparring.learner.distributed.export import export_weights, weights_size
from sparring.microworld import NANO_DIR
from sparring.policy.base import Arrived, Prompt, SamplingParams, ignore_response, response_seed
from sparring.policy.local.sampler import end_token_ids
from sparring.policy.vllm.requests import SamplingRequest, ServedTokens, Weights
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.settings import Dtype, ServerSettings
from sparring.schema import Response, Role, StopReason
from tests.nano import nano
from tests.policy.fake_vllm import FakeVllm, Fault
from tests.policy.full_model import scored

TEXTS = ("Program: ", "Test: There are three integers", "Program: Read a line of numbers.")


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    (tmp_path / "weights").mkdir()
    return ServerSettings(
        environment=str(tmp_path / "environment"),
        weights_dir=str(tmp_path / "weights"),
        concurrency=4,
        patience=30.0,
        max_model_len=200,
        dtype=Dtype.FLOAT32,
        max_gap=1e-3,
        urls_key="vllm.urls",
        lora_rank=0,
        loras=1,
    )


def words() -> ServedTokens:
    model, tokenizer = nano()
    return ServedTokens(
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        decode=lambda ids: str(tokenizer.decode(list(ids))),
        text=lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=True)),
        count=len(tokenizer),
        end_ids=end_token_ids(model, tokenizer),
    )


def weights(model: Any, step: int) -> Weights:
    tokenizer = nano()[1]
    return Weights(
        "both",
        step,
        weights_size(model, torch.float32),
        lambda path: export_weights(model, tokenizer, path, torch.float32),
        lambda probes: [scored(model, *probe) for probe in probes],
    )


def learned(amount: float = 1.03) -> Any:
    """The nano model with other weights, the output matrix among them."""
    model = copy.deepcopy(nano()[0])
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(amount)
    return model


def sampler_of(settings: ServerSettings, *fakes: FakeVllm, step: int = 0) -> VllmSampler:
    given = settings.changed(urls=[f.url for f in fakes])
    sampler = VllmSampler(given, words(), Path(settings.weights_dir) / "log")
    sampler.use(weights(nano()[0], step))
    return sampler


def prompts(tokens: int = 24, temperature: float = 1.0) -> list[Prompt]:
    encode = words().encode
    return [
        Prompt(
            f"t{i}", Role.CODER, tuple(encode(text)), 100 + i, SamplingParams(temperature, tokens)
        )
        for i, text in enumerate(TEXTS)
    ]


def asked(
    sampler: VllmSampler, prompts: Sequence[Prompt], n: int, told: Arrived = ignore_response
) -> list[list[Response]]:
    """``n`` responses to each, of the whole weights."""
    return sampler.sample([SamplingRequest(p, n, "both") for p in prompts], told)


def flat(groups: Sequence[Sequence[Response]]) -> list[Response]:
    return [r for group in groups for r in group]


@pytest.mark.parametrize("temperature", [0.7, 1.4])
def test_responses_have_the_trainers_logprobs(
    fake: FakeVllm, settings: ServerSettings, temperature: float
) -> None:
    sampler = sampler_of(settings, fake)
    groups = asked(sampler, prompts(temperature=temperature), 5)
    ends = words().end_ids
    for p, group in zip(prompts(), groups, strict=True):
        assert [r.index for r in group] == [0, 1, 2, 3, 4]
        assert len({r.token_ids for r in group}) > 1
        for r in group:
            assert (r.task_id, r.prompt_ids, r.weights) == (p.task_id, p.token_ids, 0)
            ours = scored(nano()[0], r.prompt_ids, r.token_ids, temperature)
            assert r.logprobs == pytest.approx(ours, abs=1e-4)
            assert (r.stop is StopReason.END_TOKEN) == (r.token_ids[-1] in ends)
    assert StopReason.END_TOKEN in {r.stop for r in flat(groups)}
    cut = flat(asked(sampler, prompts(tokens=3, temperature=temperature), 2))
    assert {(len(r.token_ids), r.stop) for r in cut} == {(3, StopReason.LENGTH)}
    assert asked(sampler, prompts(temperature=temperature), 5) == groups
    sampler.close()


def test_each_response_is_told_of_once_and_one_at_a_time(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    told: list[tuple[int, Response]] = []
    threads = set()

    def arrived(number: int, response: Response) -> None:
        threads.add(threading.get_ident())
        told.append((number, response))

    sampler = sampler_of(settings, fake)
    groups = asked(sampler, prompts(), 4, arrived)
    assert threads == {threading.get_ident()}
    assert Counter(told) == Counter((i, r) for i, group in enumerate(groups) for r in group)
    assert 1 < fake.most_at_once <= settings.concurrency
    sampler.close()


def test_weights_travel_when_they_are_new_and_only_then(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    before = asked(sampler, prompts(), 3)
    asked(sampler, prompts(), 1)
    assert len(fake.loads) == 1
    model = learned()
    sampler.use(weights(model, 1))
    after = asked(sampler, prompts(), 3)
    assert len(fake.loads) == 2
    assert not Path(fake.loads[0]).exists()
    assert before != after
    for r in flat(after):
        assert r.weights == 1
        assert r.logprobs == pytest.approx(scored(model, r.prompt_ids, r.token_ids, 1.0), abs=1e-4)
    sampler.close()
    assert list(Path(settings.weights_dir).iterdir()) == []


def test_weights_that_do_not_arrive_end_the_run(fake: FakeVllm, settings: ServerSettings) -> None:
    sampler = sampler_of(settings, fake)
    asked(sampler, prompts(), 1)
    fake.ignores_weights = True
    sampler.use(weights(learned(1.01), 7))
    with pytest.raises(RunError, match=r"^step 7: the log-probs of http.* away .*vllm.max_gap"):
        asked(sampler, prompts(), 1)
    sampler.close()


def test_logprobs_before_the_temperature_end_the_run(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    fake.raw_logprobs = True
    sampler = sampler_of(settings, fake)
    with pytest.raises(RunError, match="--logprobs-mode"):
        asked(sampler, prompts(), 1)
    sampler.close()


@pytest.mark.parametrize("fault", [f for f in Fault if f not in (Fault.HANG, Fault.RESTART)])
def test_what_fails_is_asked_again_and_nothing_is_lost_or_doubled(
    fake: FakeVllm, settings: ServerSettings, fault: Fault
) -> None:
    sampler = sampler_of(settings, fake)
    whole = asked(sampler, prompts(), 4)
    fake.asked.clear()
    fake.faults, fake.after = [fault] * 3, 2
    told: list[int] = []
    assert asked(sampler, prompts(), 4, lambda number, response: told.append(number)) == whole
    assert len(told) == 12
    assert fake.asked.total() == 12 + 3
    sampler.close()


def test_a_server_that_hangs_is_asked_again(fake: FakeVllm, settings: ServerSettings) -> None:
    sampler = sampler_of(settings.changed(stall_seconds=8.0), fake)
    whole = asked(sampler, prompts(), 2)
    fake.faults = [Fault.HANG]
    assert asked(sampler, prompts(), 2) == whole
    sampler.close()


def test_a_response_that_never_comes_is_one_clear_line(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    asked(sampler, prompts(), 1)
    fake.faults = [Fault.ERROR] * 1000
    with pytest.raises(RunError, match=r"no valid response in 6 attempts \(HTTP 500: EngineCore"):
        asked(sampler, prompts()[:1], 1)
    sampler.close()


def test_what_a_server_refuses_is_told_in_its_words(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    asked(sampler, prompts(), 1)
    long = replace(prompts()[0], token_ids=(5,) * 251)
    with pytest.raises(RunError, match="refuses /v1/completions: maximum context length"):
        asked(sampler, [prompts()[1], long], 2)
    sampler.close()


def test_prompts_are_spread_and_a_server_that_stays_away_is_done_without(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    with FakeVllm(NANO_DIR) as other:
        sampler = sampler_of(settings.changed(patience=0.5), fake, other)
        whole = asked(sampler, prompts(), 4)
        assert fake.asked
        assert other.asked
        other.close()
        assert asked(sampler, prompts(), 4) == whole
        sampler.use(weights(learned(), 1))
        assert len(flat(asked(sampler, prompts(), 4))) == 12
        sampler.close()


def test_no_server_left_is_one_clear_line(fake: FakeVllm, settings: ServerSettings) -> None:
    sampler = sampler_of(settings.changed(patience=0.5), fake)
    asked(sampler, prompts(), 1)
    fake.close()
    with pytest.raises(RunError, match=r"does not answer .*vllm.patience.*is it running"):
        asked(sampler, prompts(), 1)
    sampler.close()


def test_a_server_that_was_restarted_gets_the_weights_again(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings.changed(concurrency=1), fake)
    sampler.use(weights(learned(), 1))
    whole = asked(sampler, prompts(), 4)
    fake.restarted()
    assert asked(sampler, prompts(), 4) == whole
    fake.after, fake.faults = 3, [Fault.RESTART]
    assert asked(sampler, prompts(), 4) == whole
    assert len(fake.loads) == 3
    sampler.close()


def test_weights_that_a_returning_server_does_not_take_are_noticed(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    """The same weights once more, into a server that was restarted and passes over them."""
    sampler = sampler_of(settings, fake)
    sampler.use(weights(learned(), 1))
    asked(sampler, prompts(), 4)
    fake.restarted()
    fake.ignores_weights = True
    with pytest.raises(RunError, match=r"^step 1: the log-probs of"):
        asked(sampler, prompts(), 4)
    sampler.close()


def test_a_server_that_two_runs_load_weights_into_serves_neither(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)

    def meddle(number: int, response: Response) -> None:
        fake.label = "another"

    with pytest.raises(
        RunError, match=r"had other weights during sampling.*use a server for one run at a time"
    ):
        asked(sampler, prompts(), 2, meddle)
    sampler.close()


class OtherTokens:
    """A tokenizer with the same ids in another order."""

    def __init__(self) -> None:
        self.tokenizer = nano()[1]

    def encode(self, text: str, **_: Any) -> list[int]:
        return [len(self.tokenizer) - 1 - t for t in self.tokenizer.encode(text)]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode([len(self.tokenizer) - 1 - t for t in ids]))


def test_the_wrong_server_is_one_clear_line(fake: FakeVllm, settings: ServerSettings) -> None:
    fake.version = "0.11.2"
    with pytest.raises(
        RunError, match=r"is vLLM 0.11.2, which cannot exchange weights; use 0.32 or newer"
    ):
        sampler_of(settings, fake)
    fake.version = "0.33.1"
    fake.tokenizer = OtherTokens()
    with pytest.raises(RunError, match="the tokenizer of some-model differs"):
        sampler_of(settings, fake)
    fake.tokenizer = nano()[1]
    fake.dev_mode = False
    sampler = sampler_of(settings, fake)
    with pytest.raises(RunError, match="VLLM_SERVER_DEV_MODE=1"):
        asked(sampler, prompts(), 1)
    sampler.close()
    fake.close()
    with pytest.raises(
        RunError, match=r"^vllm.urls: http://127.0.0.1:\d+: the server does not answer"
    ):
        sampler_of(settings, fake)


def test_a_shared_gpu_is_left_while_the_trainer_learns(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings.changed(share_gpu=True), fake)
    asked(sampler, prompts(), 1)
    sampler.rest()
    sampler.rest()
    assert fake.calls[-1] == "/sleep?level=1"
    asked(sampler, prompts(), 1)
    assert [c for c in fake.calls if "sleep" in c or "wake" in c] == ["/sleep?level=1", "/wake_up"]
    sampler.close()


def test_what_a_killed_run_left_in_memory_is_swept(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    left = Path(settings.weights_dir) / "sparring-weights-left"
    left.mkdir()
    (left / "lock").touch()
    old = time.time() - 3600
    os.utime(left / "lock", (old, old))
    one = sampler_of(settings, fake)
    one.ready()
    assert not left.exists()
    [held] = Path(settings.weights_dir).iterdir()
    os.utime(held / "lock", (old, old))
    other = sampler_of(settings, fake)
    other.ready()
    assert held.exists()
    one.close()
    other.close()


def test_seeds_of_responses_differ_and_fit_the_server() -> None:
    seeds = {response_seed(prompt, index) for prompt in (0, 1, 2**63 - 1) for index in range(50)}
    assert len(seeds) == 150
    assert all(0 <= s < 2**63 for s in seeds)
