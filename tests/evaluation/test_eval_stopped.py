"""Evaluations that are cut off, go on, and ask for nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import SparringError
from tests.evaluation.eval_command import command, lines, run, usual, write_tasks
from tests.fake_openai import FakeOpenAI, whole

pytestmark = pytest.mark.usefixtures("shared_workers")


def test_nothing_is_asked_twice(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    first = run(*usual(tasks, fake, tmp_path / "o"))
    assert set(fake.served.values()) == {1}
    assert sum(fake.served.values()) == 15
    again = run(*usual(tasks, fake, tmp_path / "o"))
    assert len(fake.bodies) == 15
    assert again["figures"] == first["figures"]
    assert again["tokens_spent"] == first["tokens_spent"] == 15 * 12
    more = usual(tasks, fake, tmp_path / "o")
    run(*[5 if x == 3 else x for x in more])
    assert len(fake.bodies) == 15 + 6


def test_a_finished_evaluation_needs_no_server(tasks: Path, tmp_path: Path) -> None:
    with FakeOpenAI() as fake:
        first = run(*usual(tasks, fake, tmp_path / "o"))
    again = run(*usual(tasks, fake, tmp_path / "o"))
    assert again["figures"] == first["figures"]


def test_missing_responses_are_not_wrong_and_come_later(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    """Of the second task one program is never answered: it counts nowhere, then it comes."""
    sound = fake.writes

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        message = body["messages"][0]["content"]
        refused = "variant 1" in message and "Write one test" not in message
        return {} if refused and fake.served[message, body["seed"]] < 9 else sound(body)

    fake.writes = writes
    with pytest.raises(SparringError, match=r"3 of 15 responses are missing.*2 of 3 tasks"):
        run(*usual(tasks, fake, tmp_path / "o", "--concurrency", 2))
    record = json.loads((tmp_path / "o" / "eval.json").read_text())
    assert not record["complete"]
    assert record["left_out"] == ["t1"]
    assert {(m["task"], m["role"]) for m in record["missing"]} == {("t1", "coder")}
    assert [t["id"] for t in record["tasks"]] == ["t0", "t2"]
    assert record["figures"]["pass@1"]["n_tasks"] == 2
    fake.writes = sound
    record = run(*usual(tasks, fake, tmp_path / "o"))
    assert record["complete"]
    keys = [x["key"] for x in lines(tmp_path / "o" / "responses.jsonl")]
    assert len(keys) == len(set(keys)) == 15


def test_a_budget_ends_the_asking_and_figures_say_over_what(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    tasks = write_tasks(tmp_path / "many.jsonl", 20)
    args = usual(tasks, fake, tmp_path / "o", "--concurrency", 1, "--token-budget", 12 * 60)
    with pytest.raises(SparringError, match=r"token budget is spent \(720 tokens\).*of 20 tasks"):
        run(*args)
    assert len(fake.bodies) == 60
    record = json.loads((tmp_path / "o" / "eval.json").read_text())
    assert 8 <= len(record["tasks"]) <= 12
    with pytest.raises(SparringError, match="budget"):
        run(*args)  # it is spent already
    assert len(fake.bodies) == 60
    assert run(*args[:-2])["complete"]
    assert set(fake.served.values()) == {1}


def test_a_budget_needs_token_counts(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    fake.writes = lambda body: whole("x", tokens=None)
    with pytest.raises(SparringError, match="--token-budget cannot be kept"):
        run(*usual(tasks, fake, tmp_path / "o", "--token-budget", 100))


def test_another_evaluation_is_not_mixed_into_a_directory(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "o"))
    with pytest.raises(SparringError, match="begun with another params"):
        run(*usual(tasks, fake, tmp_path / "o", "--temperature", 0.5))
    with pytest.raises(SparringError, match="begun with another seed"):
        run(*usual(tasks, fake, tmp_path / "o", "--seed", 5))
    write_tasks(tasks, 3, {"test_output": ["2\n", "9\n"]})
    with pytest.raises(SparringError, match="begun with another tasks"):
        run(*usual(tasks, fake, tmp_path / "o"))
    run_before = len(fake.bodies)
    fake.always = (401, {}, b"")
    with pytest.raises(SparringError, match="HTTP 401"):
        run(*usual(tasks, fake, tmp_path / "new", "--temperature", 0.5))
    fake.always = None
    run(*usual(tasks, fake, tmp_path / "new", "--temperature", 0.6))  # nothing was answered yet
    assert len(fake.bodies) > run_before
    asked = len(fake.bodies)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(SparringError, match="not empty"):
        run(*usual(tasks, fake, tmp_path / "full"))
    assert len(fake.bodies) == asked


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 8)
    with FakeOpenAI() as fake:
        fake.delay = 0.03
        args = usual(tasks, fake, tmp_path / "o", "--concurrency", 2)
        path = tmp_path / "o" / "responses.jsonl"
        for wanted in (5, 20):
            child = subprocess.Popen(command(*args), stdout=subprocess.DEVNULL)
            while not (path.exists() and path.read_bytes().count(b"\n") >= wanted):
                assert child.poll() is None
                time.sleep(0.01)
            child.kill()
            assert child.wait() == -signal.SIGKILL
        before = lines(path) if path.read_bytes().endswith(b"\n") else None
        asked = len(fake.bodies)
        assert asked < 40
        last = subprocess.run(command(*args), capture_output=True, text=True, check=False)
        assert last.returncode == 0, last.stderr
    found = lines(path)
    assert len({x["key"] for x in found}) == len(found) == 40
    if before is not None:
        assert found[: len(before)] == before
    # only what was under way at a kill, two requests each time, was asked for again
    assert 40 <= len(fake.bodies) <= 44
    assert sum(count - 1 for count in fake.served.values()) <= 4


def test_ctrl_c_ends_after_the_requests_in_flight(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 8)
    with FakeOpenAI() as fake:
        fake.delay = 0.05
        args = usual(tasks, fake, tmp_path / "o", "--concurrency", 2)
        path = tmp_path / "o" / "responses.jsonl"
        child = subprocess.Popen(command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (path.exists() and path.read_bytes().count(b"\n") >= 12):
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate()
    assert child.returncode == 130, errors
    assert "responses are missing (stopped)" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert len(lines(path)) == len(fake.bodies) < 40
