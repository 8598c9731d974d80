"""Who is asked for what, and when: longest first, engines filled, a prompt at one server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sparring.microworld import NANO_DIR
from sparring.policy.base import Prompt, SamplingParams, ignore_response
from sparring.policy.vllm.expected import ExpectedLengths
from sparring.policy.vllm.requests import SamplingRequest
from sparring.policy.vllm.sampling_call import SamplingCall
from sparring.policy.vllm.settings import ServerSettings
from sparring.schema import Response, Role, StopReason
from tests.policy.fake_vllm import FakeVllm
from tests.policy.test_vllm import prompts, sampler_of, settings

__all__ = ["settings"]  # the fixture


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        yield server


def response(task: str, role: Role, length: int) -> Response:
    ids = tuple(range(length))
    return Response(task, role, 0, (1,), ids, (0.0,) * length, StopReason.LENGTH, "", 0)


def test_expected_lengths_are_of_the_task_the_role_or_the_limit() -> None:
    lengths = ExpectedLengths()

    def of(task: str, role: Role, limit: int = 100) -> float:
        return lengths.of(Prompt(task, role, (1,), 0, SamplingParams(1.0, limit)))

    assert of("a", Role.CODER) == 100
    lengths.seen(response("a", Role.CODER, 20))
    lengths.seen(response("a", Role.CODER, 30))
    lengths.seen(response("b", Role.CODER, 70))
    assert of("a", Role.CODER) == 25
    assert of("c", Role.CODER) == 40
    assert of("c", Role.CODER, 16) == 16
    assert of("a", Role.TESTER) == 100


def test_the_longest_are_asked_for_first_whoever_plays(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings.changed(concurrency=1), fake)
    sampler.ready()
    coder = prompts(tokens=8)
    tester = [
        replace(
            p,
            role=Role.TESTER,
            token_ids=(*p.token_ids, 5),
            params=SamplingParams(1.0, 30 + i),
        )
        for i, p in enumerate(prompts())
    ]

    def order() -> list[tuple[int, ...]]:
        fake.order.clear()
        sampler.sample([SamplingRequest(p, 2, "both") for p in (*coder, *tester)])
        return [ids for _, ids in fake.order]

    assert order() == [p.token_ids for p in (*tester[::-1], *coder) for _ in range(2)]
    for p in (*coder, *tester):  # programs turn out to be long, and tests short
        for _ in range(999):
            length = 1 if p.role is Role.TESTER else 8
            sampler.lengths.seen(response(p.task_id, p.role, length))
    assert {*order()[:6]} == {p.token_ids for p in coder}
    sampler.close()


def test_a_server_is_asked_for_as_much_as_its_engines_can_have(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    fake.engines, fake.slow = 3, 0.3
    sampler = sampler_of(settings.changed(concurrency=2), fake)
    sampler.sample([SamplingRequest(p, 6, "both") for p in prompts()])
    assert fake.most_at_once == 6
    sampler.close()


def test_a_prompt_is_one_servers_and_servers_have_as_much_to_do(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    with FakeVllm(NANO_DIR) as other:
        sampler = sampler_of(settings.changed(concurrency=4), fake, other)
        limits = (30, 20, 10)  # the longest against the two others
        asked = [
            SamplingRequest(replace(p, params=SamplingParams(1.0, limit)), 4, "both")
            for p, limit in zip(prompts(), limits, strict=True)
        ]
        dealt = SamplingCall(sampler, asked, {}, ignore_response).waiting
        assert [[job.number for job in line] for line in dealt] == [[0] * 4, [1] * 4 + [2] * 4]
        sampler.close()
