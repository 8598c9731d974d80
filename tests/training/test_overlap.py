"""Running and grading while sampling goes on: earlier, and the same to the byte."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sparring.policy.base import Prompt, SamplingParams
from sparring.runs.directory import RunDir
from sparring.runs.timeline import Timeline
from sparring.sandbox.caller import pool, prefetch, runner
from sparring.schema import Response, Role, StopReason
from sparring.training.state.journal import Journal
from sparring.training.weights.players import Player
from sparring.training.weights.policies import RolePolicies
from tests.training.runs import command, records, same_run, sparring_here


@pytest.mark.slow
def test_a_run_without_an_early_beginning_is_the_same(
    run: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(prefetch.PrefetchingRunner, "prefetch", lambda self, jobs: None)
    done = sparring_here(*command(tmp_path / "late")[3:])
    assert done.returncode == 0, done.stderr
    same_run(run, tmp_path / "late")


def test_without_a_memory_each_run_is_executed_once_and_nothing_changes(
    run: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """The sandbox forgets at once: what was begun early is still not run again.

    A response that is the reference solution word for word is another run than the reference,
    which is alone with each generated input. A validator is nobody's response.
    """
    asked: Counter[tuple[Any, ...]] = Counter()
    in_both_ways: set[tuple[str, str]] = set()
    execute, begin = pool.Sandbox.run, prefetch.PrefetchingRunner.__init__

    def counted(self: Any, jobs: Any) -> Any:
        for job in jobs:
            asked.update((job.program, job.limits, x, job.alone) for x in job.inputs)
            in_both_ways.update(
                (job.program, x)
                for x in job.inputs
                if "invalid" in job.program
                and asked[job.program, job.limits, x, True]
                and asked[job.program, job.limits, x, False]
            )
        return execute(self, jobs)

    def fresh(self: Any, *given: Any) -> None:
        asked.clear()  # of a step or an evaluation
        begin(self, *given)

    monkeypatch.setattr(runner, "_MEMO_BYTES", 0)
    monkeypatch.setattr(pool.Sandbox, "run", counted)
    monkeypatch.setattr(prefetch.PrefetchingRunner, "__init__", fresh)
    done = sparring_here(*command(tmp_path / "forgetful", training__steps="1")[3:])
    assert done.returncode == 0, done.stderr
    assert asked
    assert set(asked.values()) == {1}
    assert any("invalid" in program and alone for program, _, _, alone in asked)
    assert not in_both_ways
    name = "rollouts/step-00001.jsonl.gz"
    assert (run / name).read_bytes() == (tmp_path / "forgetful" / name).read_bytes()


def test_a_step_cut_off_between_two_calls_asks_for_what_is_left(
    run: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """Two tasks' programs are on record, two are not: the sampler is asked for two, and the run is
    the one that was never cut off."""
    whole, path = tmp_path / "whole", tmp_path / "cut"
    settings = {
        "sampling__max_batch_size": "12",
        "training__steps": "1",
        "sampling__initial_policy_programs": "0",
    }
    done = sparring_here(*command(whole, **settings)[3:])
    assert done.returncode == 0, done.stderr
    play, asked = RolePolicies.play, list[list[str]]()

    def cut(self: RolePolicies, player: Player, prompts: Any, n: int, arrived: Any) -> Any:
        if len(asked) == 3:  # after the evaluation's two calls and one of the step's
            raise MemoryError
        return told(self, player, prompts, n, arrived)

    def told(self: RolePolicies, player: Player, prompts: Any, n: int, arrived: Any) -> Any:
        asked.append([p.task_id for p in prompts])
        return play(self, player, prompts, n, arrived)

    monkeypatch.setattr(RolePolicies, "play", cut)
    monkeypatch.setattr("sparring.training.state.journal._SECONDS", 0.0)
    done = sparring_here(*command(path, **settings)[3:])
    assert done.returncode == 1, done.stdout
    first = asked[-1]
    assert len(first) == 2
    asked.clear()
    monkeypatch.setattr(RolePolicies, "play", told)
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    assert len(asked[0]) == 2
    assert not {*asked[0]} & {*first}
    same_run(whole, path)


PROMPTS = [
    Prompt(task, Role.CODER, (1, 2, k), k, SamplingParams(1.0, 1024))
    for k, task in enumerate("abc")
]


def response(prompt: int, index: int, text: str = "x") -> Response:
    p = PROMPTS[prompt]
    return Response(
        p.task_id, p.role, index, p.token_ids, (7,), (-0.5,), StopReason.END_TOKEN, text
    )


@pytest.fixture
def directory(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "run")


def journal(directory: RunDir) -> Journal:
    return Journal(directory, "journal/x.jsonl", Role.CODER, PROMPTS, 2, Timeline())


def test_a_journal_keeps_what_came_in_any_order_and_never_replaces_it(directory: RunDir) -> None:
    first = journal(directory)
    arrivals = [(2, 1), (0, 0), (0, 1), (1, 0), (2, 0)]
    assert all(first.add(k, response(k, i)) for k, i in arrivals)
    assert not first.add(0, response(0, 0, "another"))
    assert [first.complete(k) for k in range(3)] == [True, False, True]
    with pytest.raises(ValueError, match="left out"):
        first.responses()
    assert first.add(1, response(1, 1))
    found = first.responses()
    assert found == [[response(k, i) for i in range(2)] for k in range(3)]
    assert journal(directory).responses() == found


def test_a_journal_is_on_disk_while_responses_come(directory: RunDir, monkeypatch: Any) -> None:
    now = [0.0]
    monkeypatch.setattr("sparring.training.state.journal.time.monotonic", lambda: now[0])
    first = journal(directory)
    first.add(0, response(0, 0))
    assert not directory.has("journal/x.jsonl")
    now[0] = 1.5
    first.add(1, response(1, 1))
    assert journal(directory).arrived(0) == [response(0, 0)]
    assert journal(directory).arrived(1) == [response(1, 1)]


def test_a_line_that_a_kill_tore_is_left_out_and_what_follows_is_read(directory: RunDir) -> None:
    first = journal(directory)
    for k, i in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)):
        first.add(k, response(k, i))
    first.responses()
    file = directory.path / "journal/x.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    again = journal(directory)
    assert [again.complete(k) for k in range(3)] == [True, True, False]
    again.add(2, response(2, 1, "anew"))
    found = again.responses()
    assert found[2] == [response(2, 0), response(2, 1, "anew")]
    assert journal(directory).responses() == found


def test_the_timeline_of_a_run_is_whole_and_shown(run: Path, tmp_path: Path) -> None:
    lines = records(run, "timeline.jsonl")
    assert [r["step"] for r in lines if "step" in r] == [1, 2, 3, 4]
    assert [r["evaluation"] for r in lines if "evaluation" in r] == [0, 2, 4]
    for r in lines:
        assert {"sampling", "running", "judging"} <= set(r["phases"])
        assert all(0 <= a <= b <= r["seconds"] + 1e-6 for _, _, a, b in r["intervals"])
        assert 0 <= r["other_share"] < 1
    shown = sparring_here("timeline", str(run))
    assert shown.returncode == 0, shown.stderr
    for word in ("4 steps", "3 evaluations", "sampling", "learning", "checkpoint", "other"):
        assert word in shown.stdout
    part = sparring_here("timeline", str(run), "--steps", "2-3")
    assert "2 steps" in part.stdout
    assert "evaluations" not in part.stdout


def test_no_timeline_is_one_clear_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    for arguments, code, said in (
        ([str(tmp_path / "none")], 1, "holds no run"),
        ([str(tmp_path)], 1, "timeline.jsonl has no step"),
        ([str(run), "--steps", "9-2"], 2, "give the first and the last step"),
        ([str(run), "--steps", "7"], 1, "has no step of 7"),
    ):
        done = sparring_here("timeline", *arguments)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (code, 1), done.stderr
        assert said in done.stderr
    (tmp_path / "timeline.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    done = sparring_here("timeline", str(tmp_path))
    assert "timeline.jsonl: a record is not of this version's form" in done.stderr
