"""A cache of responses that several evaluations share, at once or one after the other."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from tests.evaluation.eval_command import command, lines, run, usual, write_tasks
from tests.fake_openai import FakeOpenAI, whole


def test_responses_are_shared_through_a_cache(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    cache = ("--cache", tmp_path / "c")
    run(*usual(tasks, fake, tmp_path / "a", *cache))
    second = run(*usual(tasks, fake, tmp_path / "b", *cache))
    assert len(fake.bodies) == 15
    assert second["tokens_spent"] == 0
    assert len(lines(tmp_path / "b" / "responses.jsonl")) == 15
    with FakeOpenAI() as other:
        run(*usual(tasks, fake, tmp_path / "d", *cache, "--tester", other.url))
        assert sum(other.served.values()) == 6  # the coder's are there
    assert len(fake.bodies) == 15


def test_evaluations_with_one_cache_share_their_requests(tmp_path: Path) -> None:
    """Three at once, one of them killed: each response is asked for once, but for what was under
    way at the kill, and the evaluations hold the same."""
    tasks = write_tasks(tmp_path / "t.jsonl", 8)
    texts = iter(range(10_000))
    with FakeOpenAI() as fake:
        fake.delay = 0.03
        fake.writes = lambda body: whole(f"as it comes, {next(texts)}")
        cache = tmp_path / "c"
        children = [
            subprocess.Popen(
                command(*usual(tasks, fake, tmp_path / name, "--concurrency", 2, "--cache", cache)),
                stdout=subprocess.DEVNULL,
            )
            for name in "abd"
        ]
        path = cache / "responses.jsonl"
        while not (path.exists() and path.read_bytes().count(b"\n") >= 10):
            assert children[0].poll() is None
            time.sleep(0.01)
        busy = max("abd", key=lambda n: _own(tmp_path / n / "responses.jsonl"))
        children["abd".index(busy)].kill()
        codes = [child.wait() for child in children]
        assert sorted(codes) == [-signal.SIGKILL, 0, 0]
        assert 40 <= len(fake.bodies) <= 42
    left = [
        {x["key"]: x["text"] for x in lines(tmp_path / name / "responses.jsonl")}
        for name in "abd"
        if name != busy
    ]
    assert left[0] == left[1] == {x["key"]: x["text"] for x in lines(path)}
    assert len(left[0]) == path.read_bytes().count(b"\n") == 40


def _own(path: Path) -> int:
    """Responses that an evaluation has asked for by itself."""
    if not path.exists():
        return 0
    return path.read_bytes().count(b'"copied": false')


def test_a_cache_that_is_named_later_gets_the_recorded_responses(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "a"))
    run(*usual(tasks, fake, tmp_path / "a", "--cache", tmp_path / "c"))
    again = run(*usual(tasks, fake, tmp_path / "b", "--cache", tmp_path / "c"))
    assert len(fake.bodies) == 15
    assert again["tokens_spent"] == 0
