"""`sparring eval --pipeline`: figures of a known model, continuing, and options that do not fit."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, SparringError
from sparring.sandbox import Sandbox
from tests.evaluation.eval_command import run, write_tasks
from tests.fake_openai import PROGRAM, TEST, WRONG, FakeOpenAI, whole

PIPELINES = ("single", "best_of_n", "alphacodium", "s_star", "mpsc", "agentic_task")
REST = ("agentic_function", "test_and_repair")
SPECIFICATION = (
    "```python\ndef precondition(text):\n    return True\n"
    "def postcondition(output, text):\n    return int(output) == int(text) + 1\n```"
)


@pytest.fixture(autouse=True)
def shared_workers(workers: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a sandbox takes longer than most of these tests."""

    @contextmanager
    def lent(*_: Any, **__: Any) -> Iterator[Sandbox]:
        yield workers

    for module in ("evaluation.directory", "solving.evaluate_pipelines"):
        monkeypatch.setattr(f"sparring.{module}.Sandbox", lent)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    example = {"example_input": ["3\n"], "example_output": ["4\n"]}
    return write_tasks(tmp_path / "tasks.jsonl", 3, example)


def clever(body: dict[str, Any]) -> dict[str, Any]:
    """Programs are right for one seed of two; tests, repairs and specifications are right."""
    message = body["messages"][0]["content"]
    if "precondition" in message:
        return whole(SPECIFICATION)
    if "Write one test" in message or "right one" in message or "one test" in message:
        return whole(TEST)
    if "Correct the program" in message:
        return whole(PROGRAM)
    return whole(PROGRAM if body["seed"] % 2 else WRONG)


def options(tasks: Path, fake: FakeOpenAI, out: Path, *names: str) -> list[Any]:
    pipelines = [word for name in names for word in ("--pipeline", name)]
    more = ["-n", 6, "-m", 3, "--mutants", 0, "--attempts", 1, "--pipeline-size", 2]
    return [tasks, "--coder", fake.url, "--out", out, *more, *pipelines]


def test_every_pipeline_is_measured_beside_best_of_n(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    fake.writes = clever
    out = tmp_path / "o"
    record = run(*options(tasks, fake, out, *PIPELINES, *REST))
    measured = record["pipelines"]
    assert list(measured["figures"]) == [*PIPELINES, *REST]
    assert measured["size"] == 2
    assert measured["tasks"] == ["t0", "t1", "t2"]
    for name, figures in measured["figures"].items():
        assert figures["tasks"] == 3
        requests = figures["per_task"]["requests"]["mean"]
        assert requests >= (1 if name == "single" else 4)
        # the server says 7 + 5 tokens for every response
        assert figures["per_task"]["tokens"]["mean"] == pytest.approx(12 * requests)
        assert record["per_task"][f"solved_{name}"] == figures["solved_by_task"]
    one = measured["figures"]["single"]
    assert one["per_task"]["executions"]["mean"] == 0
    assert one["equal_tokens"] is None  # Best-of-1 × 1 takes twice the tokens
    best = measured["figures"]["best_of_n"]
    assert best["equal_tokens"]["size"] == 2
    assert best["equal_tokens"]["tokens"] == 48
    assert best["tests_right"]["mean"] == 1
    # the repairs are right, so that S* solves every task
    assert measured["figures"]["s_star"]["solved"]["mean"] == 1
    lines = (out / "pipelines.md").read_text().splitlines()
    of = {line.split(" |")[0]: line for line in reversed(lines)}  # the first table's lines
    assert "| 2.0 × 2.0 | 48 |" in of["| best_of_n"]
    assert "| 3.0 × 3.0 | 72 |" in of["| mpsc"]  # as many tokens as all samples of the evaluation
    assert "| 2.3 × 2.3 | 56 |" in of["| alphacodium"]


def test_nothing_is_asked_twice_and_nothing_is_lost(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    fake.writes = clever
    out = tmp_path / "o"
    first = run(*options(tasks, fake, out, "best_of_n", "s_star"))
    asked = len(fake.bodies)
    again = run(*options(tasks, fake, out, "best_of_n", "s_star"))
    assert len(fake.bodies) == asked
    assert again["pipelines"] == first["pipelines"]
    # Best-of-N begins with the responses of the evaluation, and so does S*
    assert first["pipelines"]["figures"]["best_of_n"]["replayed"] == 3 * 4
    more = run(*options(tasks, fake, out, "best_of_n", "s_star", "mpsc"))
    assert len(fake.bodies) == asked + 3 * 2  # the specifications
    assert more["pipelines"]["figures"]["s_star"] == first["pipelines"]["figures"]["s_star"]


def test_a_server_that_dies_loses_no_run_that_has_ended(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    fake.writes = clever
    out = tmp_path / "o"
    run(*options(tasks, fake, out, "best_of_n"))

    def specifications_fail(body: dict[str, Any]) -> dict[str, Any]:
        if "precondition" in body["messages"][0]["content"]:
            return {"error": "out of memory"}
        return clever(body)

    fake.writes = specifications_fail
    with pytest.raises(SparringError, match="repeat the command to continue"):
        run(*options(tasks, fake, out, "best_of_n", "mpsc"))
    lines = (out / "pipelines.jsonl").read_text().splitlines()
    assert [json.loads(line)["pipeline"] for line in lines] == ["best_of_n"] * 3
    fake.writes = clever
    assert "mpsc" in run(*options(tasks, fake, out, "best_of_n", "mpsc"))["pipelines"]["figures"]


def test_all_tasks_together_keep_the_users_number_of_requests_in_flight(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    lock, flying, most = threading.Lock(), 0, 0

    def slow(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        time.sleep(0.02)
        with lock:
            flying -= 1
        return clever(body)

    fake.writes = slow
    run(*options(tasks, fake, tmp_path / "o", "mpsc", "s_star"), "--concurrency", 2)
    assert most <= 2


def test_the_chosen_programs_are_graded_on_the_ground_truth(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    fake.writes = lambda body: whole(
        TEST if "Write one test" in body["messages"][0]["content"] else WRONG
    )
    figures = run(*options(tasks, fake, tmp_path / "o", "best_of_n"))["pipelines"]["figures"]
    assert figures["best_of_n"]["solved"]["mean"] == 0
    assert figures["best_of_n"]["per_solved"]["tokens"]["mean"] is None


def test_no_choice_knows_the_ground_truth(fake: FakeOpenAI, tmp_path: Path) -> None:
    """Without examples and tests nothing tells programs apart, so that the first one is chosen; the
    ground truth would show which of them is right."""
    fake.writes = lambda body: (
        whole(PROGRAM if body["seed"] % 2 else WRONG)
        if "Write one test" not in body["messages"][0]["content"]
        else whole("no test")
    )
    tasks = write_tasks(tmp_path / "tasks.jsonl", 6)
    names = ("single", "best_of_n", "s_star", "mpsc", "test_and_repair")
    figures = run(*options(tasks, fake, tmp_path / "o", *names))["pipelines"]["figures"]
    first = figures["single"]["solved_by_task"]
    assert set(first) == {0, 1}
    assert [figures[name]["solved_by_task"] for name in names] == [first] * len(names)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--pipeline-size", 4], "--pipeline-size: belongs to --pipeline"),
        (["--pipeline", "mpsc", "-m", 0], "-m 0: leaves no test"),
        (["--pipeline", "mpsc", "--token-budget", 9], "--token-budget: ends in the middle"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(
    more: list[Any], message: str, tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tasks, "--coder", fake.url, "--out", tmp_path / "o", *more)
    assert not fake.bodies


def test_answers_made_elsewhere_have_no_pipeline(tasks: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text("{}\n")
    with pytest.raises(ConfigError, match="--pipeline: cannot be given with --answers"):
        run(tasks, "--answers", answers, "--out", tmp_path / "o", "--pipeline", "mpsc")


@pytest.mark.slow
def test_every_pipeline_runs_with_the_nano_model(tmp_path: Path) -> None:
    pipelines = [word for name in (*PIPELINES, *REST) for word in ("--pipeline", name)]
    record = run(
        *["microworld:held_out", "--limit-tasks", 3, "--coder", "nano", "--prompts", "nano"],
        *["--max-tokens", 72, "-n", 16, "-m", 16, "--mutants", 0, "--scale", "8x8"],
        *["--out", tmp_path / "o", *pipelines],
    )
    figures = record["pipelines"]["figures"]
    assert list(figures) == [*PIPELINES, *REST]
    assert all(f["tasks"] == 3 for f in figures.values())
    # nano's prompts may have 96 tokens: most messages of the pipelines are longer, and refused
    assert figures["best_of_n"]["per_task"]["requests"]["mean"] == 16
    assert figures["mpsc"]["per_task"]["requests"]["mean"] == 16
