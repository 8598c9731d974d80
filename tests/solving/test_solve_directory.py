"""The directory of a session: continued, killed, replayed, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import RunError
from sparring.grading.recorded import result_from
from sparring.runs.reader import RunReader
from sparring.sandbox import Sandbox
from sparring.schema import Role, Test
from sparring.selection.selectors import Selector
from sparring.solving.attempts import ATTEMPTS
from sparring.solving.budget import Budget
from sparring.solving.engine import solve_task
from sparring.solving.executions_record import EXECUTIONS
from sparring.solving.options import Sizes
from sparring.solving.replay import replay_directory
from sparring.solving.spending import TEMPLATE_TOKENS
from tests.fake_openai import FakeOpenAI, usual
from tests.solving.sessions import TASK, Broken, solve_options

pytestmark = pytest.mark.usefixtures("shared_workers")
SIZES = Sizes(12, 12, 1)


def decision(out: Path) -> Any:
    return json.loads((out / "solve.json").read_text())["decision"]


def test_the_same_call_again_asks_for_nothing_and_decides_alike(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    options = solve_options(fake, sizes=SIZES)
    first = solve_task(TASK, options, tmp_path / "s")
    asked, executed = len(fake.bodies), (tmp_path / "s" / EXECUTIONS).read_bytes()
    again = solve_task(TASK, options, tmp_path / "s")
    assert len(fake.bodies) == asked
    assert (tmp_path / "s" / EXECUTIONS).read_bytes() == executed
    assert again.record["decision"] == first.record["decision"]
    assert replace(again.costs, seconds=0) == replace(first.costs, seconds=0)


def test_a_session_without_a_directory_decides_like_one_with(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    options = solve_options(fake, sizes=SIZES)
    kept = solve_task(TASK, options, tmp_path / "s")
    assert solve_task(TASK, options).record["decision"] == kept.record["decision"]


def test_a_stopped_session_goes_on_and_ends_like_one_that_was_not(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    options = solve_options(fake, sizes=SIZES)
    whole = solve_task(TASK, options, tmp_path / "whole")
    seen = len(fake.bodies)
    stop = lambda: len(fake.bodies) >= seen + 9  # noqa: E731
    cut = solve_task(TASK, options, tmp_path / "s", stop=stop)
    assert cut.record["stopped"]
    before = len(fake.bodies)
    on = solve_task(TASK, options, tmp_path / "s")
    assert on.record["decision"] == whole.record["decision"]
    responses = RunReader(tmp_path / "s").jsonl("responses.jsonl")
    assert len({r["key"] for r in responses}) == len(responses)
    assert len(fake.bodies) - before < seen


@pytest.mark.parametrize(
    "budget",
    [
        Budget(),
        Budget(tokens=9_000),
        Budget(requests=11),
        Budget(executions=3),
        Budget(seconds=0.4),
    ],
)
def test_a_replay_decides_the_same_to_the_byte(
    fake: FakeOpenAI, tmp_path: Path, budget: Budget
) -> None:
    fake.writes = lambda body: {**usual(body), "usage": None}
    fake.delay = 0.05 if budget.seconds else 0.0
    out = tmp_path / "s"
    solved = solve_task(TASK, solve_options(fake, budget, SIZES), out)
    asked = len(fake.bodies)
    fake.close()
    files = {f: f.read_bytes() for f in out.rglob("*") if f.is_file()}
    replayed = replay_directory(out)
    assert replayed.same is True
    assert json.dumps(replayed.solved.record["decision"]) == json.dumps(solved.record["decision"])
    assert len(fake.bodies) == asked
    assert {f: f.read_bytes() for f in out.rglob("*") if f.is_file()} == files


def test_a_replay_has_no_limit_of_time(fake: FakeOpenAI, tmp_path: Path) -> None:
    out = tmp_path / "s"
    solve_task(TASK, solve_options(fake, Budget(seconds=60), SIZES), out)
    config = json.loads((out / "config.json").read_text())
    config["budget"]["seconds"] = 0.0
    (out / "config.json").write_text(json.dumps(config))
    assert replay_directory(out).same is True


def test_a_replay_of_tests_alone_decides_the_same(fake: FakeOpenAI, tmp_path: Path) -> None:
    """A budget may end when tests have arrived and no program has."""
    solved = solve_task(TASK, solve_options(fake, sizes=Sizes(0, 3)), tmp_path / "s")
    assert solved.source is None
    assert len(solved.tests) == 3
    assert replay_directory(tmp_path / "s").same is True


def test_a_replay_of_failed_requests_decides_the_same(fake: FakeOpenAI, tmp_path: Path) -> None:
    fake.faults = [(500, {}, b"")] * 3
    solve_task(TASK, solve_options(fake, sizes=SIZES, attempts=1), tmp_path / "s")
    assert replay_directory(tmp_path / "s").same is True


def test_a_replay_needs_no_checker_program(fake: FakeOpenAI, tmp_path: Path) -> None:
    """What a task's checker program has decided is on record too."""
    checker = (
        "import json\nq = json.loads(input())\n"
        "print('accepted' if q['output'].split() == q['expected'].split() else 'no')\n"
    )
    task = replace(TASK, checker="program", checker_program=checker)
    solved = solve_task(task, solve_options(fake, sizes=Sizes(4, 4)), tmp_path / "s")
    assert solved.evidence.passed_PU.any()
    assert not solved.evidence.passed_PU.all()
    assert replay_directory(tmp_path / "s").same is True


def test_failures_of_the_sandbox_are_made_good_when_a_session_goes_on(
    fake: FakeOpenAI, tmp_path: Path, workers: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, out = solve_options(fake, sizes=Sizes(4, 4)), tmp_path / "s"
    with monkeypatch.context() as patch:
        patch.setattr(workers, "stream", Broken().stream)
        broken = solve_task(TASK, options, out)
    assert not broken.evidence.observed_PU.any()
    assert replay_directory(out).same is True
    mended = solve_task(TASK, options, out)
    assert mended.evidence.observed_PU.all()
    assert replay_directory(out).same is True


def test_a_replay_may_choose_by_another_rule(fake: FakeOpenAI, tmp_path: Path) -> None:
    solve_task(TASK, solve_options(fake, sizes=SIZES), tmp_path / "s")
    other = replay_directory(tmp_path / "s", select=Selector.MAJORITY, threshold=1.0)
    assert other.solved.solution.chosen_by == "majority of answers"
    assert other.solved.abstained
    assert other.same is False


def test_a_killed_session_counts_its_attempts(fake: FakeOpenAI, tmp_path: Path) -> None:
    """A kill leaves attempts without a response; they are counted by their bounds."""
    out = tmp_path / "s"
    options = solve_options(fake, Budget(requests=20), Sizes(40, 40))
    solve_task(TASK, solve_options(fake, Budget(requests=8), Sizes(40, 40)), out)
    assert len(fake.bodies) == 8
    lines = (out / "responses.jsonl").read_bytes().splitlines(keepends=True)
    (out / "responses.jsonl").write_bytes(b"".join(lines[:5]))
    (out / "solve.json").unlink()
    on = solve_task(TASK, options, out)
    # Eight attempts were made before the kill, of which five are on record.
    assert len(fake.bodies) == 20
    assert on.costs.requests == 20


def test_a_response_cut_by_the_budget_is_asked_for_again(fake: FakeOpenAI, tmp_path: Path) -> None:
    def cut(body: dict[str, Any]) -> dict[str, Any]:
        reply = usual(body)
        if body["max_tokens"] < 64:
            reply["choices"][0]["finish_reason"] = "length"
        return {**reply, "usage": None}

    fake.writes = cut
    out = tmp_path / "s"
    wanted = solve_options(fake).first_requests(TASK)
    coder, tester = (len(wanted[r].message) + TEMPLATE_TOKENS + 64 for r in Role)
    # Eight requests, and one more of 40 tokens in place of 64.
    small = Budget(tokens=4 * (coder + tester) + coder - 24)
    solve_task(TASK, solve_options(fake, small, SIZES), out)
    limits = [b["max_tokens"] for b in fake.bodies]
    assert limits == [64] * 8 + [40]
    assert any("wanted" in line for line in RunReader(out).jsonl(ATTEMPTS))
    solve_task(TASK, solve_options(fake, Budget(), SIZES), out)
    [shortened] = [b for b in fake.bodies if b["max_tokens"] == 40]
    assert {**shortened, "max_tokens": 64} in fake.bodies[len(limits) :]
    assert replay_directory(out).same is True


def test_another_problem_does_not_continue(fake: FakeOpenAI, tmp_path: Path) -> None:
    options = solve_options(fake, sizes=Sizes(2, 2))
    solve_task(TASK, options, tmp_path / "s")
    with pytest.raises(RunError, match=r"another problem\.statement"):
        solve_task(replace(TASK, statement="Something else."), options, tmp_path / "s")
    with pytest.raises(RunError, match="seed"):
        solve_task(TASK, solve_options(fake, sizes=Sizes(2, 2), seed=1), tmp_path / "s")


def test_a_directory_with_other_files_is_refused(fake: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"notes\.txt"):
        solve_task(TASK, solve_options(fake), tmp_path)
    assert not fake.bodies


def test_a_directory_without_a_session_is_not_replayed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"config\.json"):
        replay_directory(tmp_path)


def test_the_rollouts_say_what_is_known(fake: FakeOpenAI, tmp_path: Path) -> None:
    solve_task(TASK, solve_options(fake, sizes=Sizes(4, 4)), tmp_path / "plain")
    [record] = RunReader(tmp_path / "plain").groups(0)
    assert [p["correct"] for p in record["programs"]] == [None] * 4
    assert all(t["right"] is None for t in record["tests"])
    binding = replace(TASK, tests=(Test("5\n", "6\n"),))
    solve_task(binding, solve_options(fake, sizes=Sizes(4, 4)), tmp_path / "bound")
    [record] = RunReader(tmp_path / "bound").groups(0)
    assert {p["correct"] for p in record["programs"]} == {True, False}
    group = result_from(record)
    assert group.matrix.ground_truth == 1
    assert len(group.programs) == 4


def test_a_torn_last_line_is_no_damage(fake: FakeOpenAI, tmp_path: Path) -> None:
    """A kill in the middle of a write leaves half a line, and the session goes on twice."""
    out = tmp_path / "s"
    solve_task(TASK, solve_options(fake, Budget(requests=4), SIZES), out)
    for name in (ATTEMPTS, EXECUTIONS, "responses.jsonl"):
        with (out / name).open("ab") as file:
            file.write(b'{"key": "00')
    solve_task(TASK, solve_options(fake, Budget(requests=8), SIZES), out)
    solve_task(TASK, solve_options(fake, Budget(requests=12), SIZES), out)
    assert replay_directory(out).same is True


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("config.json", None, []),
        ("config.json", "models", {"coder": {}, "tester": {}}),
        ("config.json", "task", {"id": 3}),
        ("config.json", "prompts", {"coder": {"coder_function": [1]}, "tester": {}}),
        ("solve.json", None, ["x"]),
        ("responses.jsonl", "text", 1.5),
        ("responses.jsonl", "prompt_tokens", "7"),
        ("responses.jsonl", "key", []),
        ("attempts.jsonl", "key", []),
        ("executions.jsonl", "verdict", "splendid"),
    ],
)
def test_a_damaged_record_is_one_line(
    fake: FakeOpenAI, tmp_path: Path, name: str, field: str | None, value: object
) -> None:
    out = tmp_path / "s"
    solve_task(TASK, solve_options(fake, sizes=Sizes(2, 2)), out)
    lines = (out / name).read_text().split("\n") if name.endswith(".jsonl") else []
    text = lines[0] if lines else (out / name).read_text()
    damaged = json.dumps(value if field is None else {**json.loads(text), field: value})
    (out / name).write_text("\n".join([damaged, *lines[1:]]) if lines else damaged)
    with pytest.raises(RunError) as caught:
        replay_directory(out)
    assert "\n" not in str(caught.value)
    assert str(out) in str(caught.value)
