"""Both roles as seats of an environment of `verifiers`, run by its own evaluation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring import Recipe, load_tasks, pair_rewards
from sparring.sandbox import Job, Sandbox
from sparring.schema import Outcome, Verdict
from tests.fake_openai import FakeOpenAI, whole

pytestmark = pytest.mark.verifiers

RIGHT = "Thus:\n```python\nprint(int(input()) + 1)\n```"
WRONG = "Thus:\n```python\nprint(int(input()) + 2)\n```"
ODD = "Thus:\n```python\nn = int(input())\nprint(n + 1 if n < 9 else 0)\n```"
PROGRAMS = [RIGHT, WRONG, ODD, "no program"]


def _test(given: str, wanted: str) -> str:
    return f"**Test Input:**\n```\n{given}\n```\n\n**Test Output:**\n```\n{wanted}\n```"


TESTS = [_test("4", "5"), _test("20", "21"), _test("4", "6"), "no test"]


def _tasks(place: Path) -> Path:
    rows = [
        {
            "question": f"Read n. Print the number after n. Task {i}.",
            "test_input": ["1\n", "790030\n"],
            "test_output": ["2\n", "790031\n"],
            "task_id": f"task-{i}",
        }
        for i in range(2)
    ]
    file = place / "tasks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def _writing(programs: list[str], tests: list[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answer the k-th request of a message with the k-th program, or with the k-th test."""
    asked: dict[str, int] = {}

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        message = body["messages"][-1]["content"]
        number = asked[message] = asked.get(message, -1) + 1
        texts = tests if "Write one test" in message else programs
        reply = whole(texts[number % len(texts)])
        reply["usage"]["total_tokens"] = 12
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", **reply}

    return writes


def _episodes(place: Path, url: str, monkeypatch: pytest.MonkeyPatch, **env: Any) -> list[Any]:
    from verifiers.v1.cli.eval.runner import run_eval
    from verifiers.v1.configs.cli.eval import EvalConfig

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    config = EvalConfig.model_validate(
        {
            "env": {
                "taskset": {"id": "sparring-pair", "tasks": [str(place / "tasks.jsonl")]},
                "programs": 4,
                "tests": 4,
                "workers": 1,
                **env,
            },
            "model": "m",
            "client": {"base_url": url, "api_key_var": "OPENAI_API_KEY"},
            "rich": None,
            "push": False,
            "output_dir": str(place / "outputs"),
        }
    )
    return list(asyncio.run(run_eval(config)))


@pytest.mark.parametrize("pays_advantages", [True, False])
def test_seats_are_paid_as_in_our_own_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pays_advantages: bool
) -> None:
    file = _tasks(tmp_path)
    with FakeOpenAI() as fake:
        fake.writes = _writing(PROGRAMS, TESTS)
        episodes = _episodes(tmp_path, fake.url, monkeypatch, pays_advantages=pays_advantages)
    assert len(episodes) == 2
    assert all(episode.ok for episode in episodes), [e.errors for e in episodes]
    [ours, _] = pair_rewards(load_tasks(file), [PROGRAMS] * 2, [TESTS] * 2, recipe=Recipe())
    wanted = {
        "coder": dict(
            zip(PROGRAMS, zip(ours.coder, ours.coder_advantages, strict=True), strict=True)
        ),
        "tester": dict(
            zip(TESTS, zip(ours.tester, ours.tester_advantages, strict=True), strict=True)
        ),
    }
    for episode in episodes:
        seats = episode.by_agent
        assert {name: len(traces) for name, traces in seats.items()} == {"coder": 4, "tester": 4}
        for seat, traces in seats.items():
            for trace in traces:
                reward, gain = wanted[seat][trace.last_reply]
                assert trace.reward == pytest.approx(gain if pays_advantages else reward, abs=1e-9)
                assert trace.metrics["pair_reward"] == pytest.approx(reward, abs=1e-9)
                assert trace.agent.trainable
                assert trace.info["sparring"]["reason"]
            if pays_advantages:
                assert sum(t.reward for t in traces) == pytest.approx(0, abs=1e-9)
    assert "790031" not in json.dumps(
        [e.to_record() for e in episodes]
    )  # no ground truth in a trace


def test_tests_without_a_correct_program_train_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tasks(tmp_path)
    with FakeOpenAI() as fake:
        fake.writes = _writing([WRONG], TESTS)
        episodes = _episodes(tmp_path, fake.url, monkeypatch)
    for episode in episodes:
        assert episode.ok
        assert not any(trace.agent.trainable for trace in episode.by_agent["tester"])
        assert all(trace.agent.trainable for trace in episode.by_agent["coder"])


def test_a_failure_of_our_sandbox_fails_the_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Sandbox.run

    def failing(self: Sandbox, jobs: list[Job]) -> list[tuple[Outcome, ...]]:
        return [tuple(Outcome(Verdict.INFRA) for _ in row) for row in run(self, jobs)]

    monkeypatch.setattr(Sandbox, "run", failing)
    _tasks(tmp_path)
    with FakeOpenAI() as fake:
        fake.writes = _writing(PROGRAMS, TESTS)
        episodes = _episodes(tmp_path, fake.url, monkeypatch)
    for episode in episodes:
        assert not episode.ok
        assert "the sandbox failed" in episode.errors[-1].message
        assert all(not trace.rewards for trace in episode.traces)
