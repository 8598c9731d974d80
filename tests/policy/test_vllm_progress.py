"""A server that makes no more tokens hangs; one that is slow, or has many waiting, does not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparring.errors import RunError
from sparring.microworld import NANO_DIR
from sparring.policy.vllm.progress import EngineProgress, ServerProgress, engines
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.settings import ServerSettings
from tests.nano import nano
from tests.policy.fake_vllm import FakeVllm, Fault, fake_environment
from tests.policy.test_vllm import asked, flat, prompts, sampler_of, settings, weights, words

__all__ = ["settings"]  # the fixture
METRICS = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="sparring"} 3.0
vllm:num_requests_running{engine="1",model_name="sparring"} 0.0
vllm:num_requests_waiting{engine="0",model_name="sparring"} 40.0
vllm:num_requests_waiting{engine="1",model_name="sparring"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="sparring",reason="capacity"} 40.0
vllm:prompt_tokens_total{engine="0",model_name="sparring"} 33.0
vllm:prompt_tokens_total{engine="1",model_name="sparring"} 0.0
vllm:prompt_tokens_created{engine="0",model_name="sparring"} 1.7958989322392528e+09
vllm:generation_tokens_total{engine="0",model_name="sparring"} 1.66e+03
vllm:generation_tokens_total{engine="1",model_name="sparring"} 0.0
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="sparring"} 55.0
"""
"""As vLLM 0.32 gives them, of two engines."""


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        yield server


def test_engines_are_read_of_what_vllm_says() -> None:
    assert engines(METRICS) == {"0": EngineProgress(1693.0, 43.0), "1": EngineProgress(0.0, 0.0)}
    assert engines("process_open_fds 40.0\n") == {}


def test_progress_is_of_each_engine_that_has_something_to_do() -> None:
    moving, stuck, idle = EngineProgress(5, 2), EngineProgress(7, 2), EngineProgress(7, 0)

    def at(*seen: dict[str, EngineProgress]) -> list[bool]:
        progress = ServerProgress(10.0, 0.0)
        return [progress.stalled(s, 6.0 * (i + 1)) for i, s in enumerate(seen)]

    def steps(tokens: int, other: EngineProgress) -> dict[str, EngineProgress]:
        return {"0": replace(moving, tokens=tokens), "1": other}

    assert at(*(steps(i, idle) for i in range(5))) == [False] * 5
    assert at(*(steps(i, stuck) for i in range(4))) == [False, False, True, True]
    assert at({"0": idle}, {"0": idle}, {"0": idle}) == [False, False, True]  # a request got lost
    assert at({}, {}) == [False, True]  # it does not say
    progress = ServerProgress(10.0, 0.0)
    assert not progress.stalled({"0": stuck}, 6.0)
    progress.forget(14.0)
    assert not progress.stalled({"0": stuck}, 20.0)


def test_a_response_may_take_longer_than_a_server_that_hangs(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    """One request at a time is answered, each in less than ``stall_seconds``; the last waits
    longer, as do all where tokens come slowly."""
    sampler = sampler_of(settings.changed(stall_seconds=1.0), fake)
    whole = asked(sampler, prompts(), 2)
    before = fake.asked.total()
    fake.slow = 2.0
    assert asked(sampler, prompts(), 2) == whole
    assert fake.asked.total() == before + 6
    sampler.close()


def test_what_hangs_is_cut_and_asked_again(fake: FakeVllm, settings: ServerSettings) -> None:
    sampler = sampler_of(settings.changed(stall_seconds=0.6), fake)
    whole = asked(sampler, prompts(), 2)
    fake.faults = [Fault.HANG]
    assert asked(sampler, prompts(), 2) == whole
    fake.faults = [Fault.HANG] * 100
    with pytest.raises(RunError, match=r"no new token in 0.6 s \(vllm.stall_seconds\), twice"):
        asked(sampler, prompts(), 2)
    sampler.close()


def test_a_server_of_ours_that_hangs_is_started_again(
    settings: ServerSettings, tmp_path: Path
) -> None:
    fake_environment(Path(settings.environment))
    (tmp_path / "control").write_text("hang 9")  # probes are four
    variables = {"FAKE_VLLM": str(tmp_path / "control")}
    given = settings.changed(variables=variables, stall_seconds=1.0)
    sampler = VllmSampler(given, words(), tmp_path / "vllm.log")
    sampler.use(weights(nano()[0], 0))
    assert len(flat(asked(sampler, prompts(), 6))) == 18
    assert len((tmp_path / "control.pids").read_text().split()) == 2
    sampler.close()


def test_without_metrics_a_response_has_a_limit_and_it_is_said(
    fake: FakeVllm, settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    fake.has_metrics = False
    with caplog.at_level(logging.WARNING, "sparring"):
        sampler = sampler_of(settings.changed(stall_seconds=1.0), fake)
    assert "the server reports no tokens at /metrics" in caplog.text
    whole = asked(sampler, prompts(), 2)
    fake.faults = [Fault.HANG]
    assert asked(sampler, prompts(), 2) == whole
    fake.slow = 2.0
    with pytest.raises(RunError, match="no answer in 1 s, twice"):
        asked(sampler, prompts(), 2)
    sampler.close()


def test_a_server_that_is_away_costs_each_response_one_try(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    """However many threads are there that could ask it meanwhile."""
    sampler = sampler_of(settings.changed(concurrency=64), fake)
    whole = asked(sampler, prompts(), 8)
    port, back = int(fake.url.rpartition(":")[2]), []

    def away() -> None:
        fake.close()
        time.sleep(1.0)
        back.append(FakeVllm(NANO_DIR, port))

    fake.slow = 1.0  # so that it goes before it has answered anything
    leaving = threading.Timer(0.3, away)
    leaving.start()
    assert asked(sampler, prompts(), 8) == whole
    leaving.join()
    sampler.close()
    back[0].close()
