"""Faults and ends of budgets, each with its defined outcome: nothing lost, nothing exceeded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, ModelError
from sparring.sandbox import Job, Sandbox
from sparring.schema import Outcome, Role, StopReason, Task, Test, Verdict
from sparring.solving.budget import Budget
from sparring.solving.by_need import by_need
from sparring.solving.engine import solve_task
from sparring.solving.observed import passed
from sparring.solving.options import Sizes
from tests.fake_openai import PROGRAM, TEST, WRONG, FakeOpenAI, Reply, usual, whole
from tests.solving.sessions import TASK, Broken, a_session, solve_options

BUSY: Reply = (429, {"Retry-After": "0"}, b'{"error": {"message": "busy"}}')
GARBAGE: Reply = (200, {}, b"<html>not json</html>")


def without_usage(body: dict[str, Any]) -> dict[str, Any]:
    return {**usual(body), "usage": None}


def test_a_server_that_is_not_there_is_one_line(workers: Sandbox) -> None:
    fake = FakeOpenAI()
    fake.close()
    with pytest.raises(ModelError, match="does not answer"):
        solve_task(TASK, solve_options(fake, attempts=1))


def test_seconds_that_end_before_the_server_answers_are_named(fake: FakeOpenAI) -> None:
    fake.models = "none"
    fake.close()
    options = solve_options(fake, Budget(seconds=0.5), attempts=50)
    with pytest.raises(ModelError, match=r"the budget of 0\.5 s is spent"):
        solve_task(TASK, options)


def test_a_server_that_dies_leaves_the_best_so_far(fake: FakeOpenAI, workers: Sandbox) -> None:
    def dies(body: dict[str, Any]) -> dict[str, Any]:
        if len(fake.bodies) >= 8:
            fake.always = "drop"
        return whole(TEST if "Write one test" in body["messages"][0]["content"] else PROGRAM)

    fake.writes = dies
    with a_session(fake, workers, solve_options(fake, sizes=Sizes(40, 40))) as session:
        session.sample(programs=4, tests=4)
        solution = by_need(session)
        assert solution.chosen == 0
        assert solution.reason.startswith("the model is gone: ")
        assert len(session.programs) == 4


@pytest.mark.parametrize("fault", [BUSY, GARBAGE, "half", (500, {}, b"")])
def test_a_server_that_never_answers_well_is_gone(
    fake: FakeOpenAI, workers: Sandbox, fault: Reply | str
) -> None:
    fake.always = fault
    with a_session(fake, workers, solve_options(fake, Budget(requests=30))) as session:
        solution = by_need(session)
        assert solution.chosen is None
        assert solution.reason.startswith("the model is gone: ")
        assert len(fake.bodies) == session.spending.costs.requests <= 30


def test_attempts_in_vain_count_as_requests(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.always = BUSY
    options = solve_options(fake, Budget(requests=5), attempts=100)
    with a_session(fake, workers, options) as session:
        solution = by_need(session)
    assert solution.reason == "requests"
    assert len(fake.bodies) == 5


def test_a_busy_server_costs_no_tokens(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.faults = [BUSY] * 3
    with a_session(fake, workers, solve_options(fake, Budget(tokens=5_000), attempts=5)) as session:
        session.sample(programs=2)
        assert len(session.programs) == 2
        assert session.spending.costs.requests == 5
        assert session.spending.costs.tokens == 24


def test_tokens_without_a_limit_of_the_response_are_refused(fake: FakeOpenAI) -> None:
    options = solve_options(fake)
    open_end = replace(options.asking, extra={"max_tokens": None})
    with pytest.raises(ConfigError, match="max_completion_tokens"):
        replace(options, asking=open_end, budget=Budget(tokens=10))
    limited = replace(open_end, extra={"max_tokens": None, "max_completion_tokens": 500})
    assert replace(options, asking=limited, budget=Budget(tokens=10)).fixed_response == 500
    both = replace(options, asking=replace(options.asking, extra={"max_completion_tokens": 9}))
    assert both.fixed_response == options.asking.params.max_tokens


@pytest.mark.parametrize("limit", [-1, 0, True, 2.5])
def test_numbers_that_are_no_limit_of_the_response_are_refused(
    fake: FakeOpenAI, limit: float
) -> None:
    """To llama.cpp and others -1 means no limit at all."""
    asking = replace(solve_options(fake).asking, extra={"max_tokens": limit})
    with pytest.raises(ConfigError, match="cannot be kept"):
        replace(solve_options(fake), asking=asking, budget=Budget(tokens=10_000))
    assert replace(solve_options(fake), asking=asking).fixed_response is None


def test_a_refused_key_ends_the_session(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.always = (401, {}, b'{"error": {"message": "no such key"}}')
    with a_session(fake, workers) as session:
        solution = by_need(session)
    assert "HTTP 401" in solution.reason
    assert solution.chosen is None


def test_a_refused_message_costs_no_other_its_reply(fake: FakeOpenAI, workers: Sandbox) -> None:
    with a_session(fake, workers) as session:
        session.sample(programs=2)
        fake.faults = [(400, {}, b'{"error": {"message": "too long"}}')]
        replies = session.ask_each(Role.CODER, ["a", "b", "c"])
        assert sum(r is not None for r in replies) >= 2
        assert session.over is None


@pytest.mark.parametrize("writes", [usual, without_usage])
def test_tokens_are_never_exceeded(fake: FakeOpenAI, workers: Sandbox, writes: Any) -> None:
    def full_length(body: dict[str, Any]) -> dict[str, Any]:
        reply = writes(body)
        if reply["usage"]:
            reply["usage"] = {
                "prompt_tokens": len(body["messages"][0]["content"].encode()) + 200,
                "completion_tokens": body["max_tokens"],
            }
        return reply

    fake.writes = full_length
    options = solve_options(fake, Budget(tokens=20_000), sizes=Sizes(100, 100))
    with a_session(fake, workers, options) as session:
        solution = by_need(session)
        assert solution.reason == "tokens"
        assert solution.chosen is not None
        spent = sum(
            len(b["messages"][0]["content"].encode()) + 200 + b["max_tokens"] for b in fake.bodies
        )
        assert 15_000 < spent <= session.spending.costs.tokens <= 20_000
        assert (session.spending.costs.bounded == len(fake.bodies)) == (writes is without_usage)


def test_requests_end_in_the_middle_of_a_round(fake: FakeOpenAI, workers: Sandbox) -> None:
    options = solve_options(fake, Budget(requests=11), sizes=Sizes(40, 40))
    with a_session(fake, workers, options) as session:
        solution = by_need(session)
    assert solution.reason == "requests"
    assert solution.chosen is not None
    assert len(fake.bodies) == 11
    assert len(session.programs) + len(session.tests) == 11


def test_seconds_end_while_a_server_is_silent(fake: FakeOpenAI, workers: Sandbox) -> None:
    options = solve_options(fake, Budget(seconds=1.5), sizes=Sizes(40, 40), attempts=50)
    with a_session(fake, workers, options) as session:
        session.sample(programs=2, tests=1)
        fake.always = "hang"
        solution = by_need(session)
        assert solution.reason == "seconds"
        assert solution.chosen is not None
        assert not fake.closing.is_set()


def test_what_came_before_the_seconds_ended_is_run(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.faults = ["hang"]
    options = solve_options(fake, Budget(seconds=3), sizes=Sizes(40, 40), attempts=50)
    with a_session(fake, workers, options) as session:
        solution = by_need(session)
        assert solution.reason == "seconds"
        assert session.spending.costs.executions > 0
        [row] = session.seen([session.programs[solution.chosen or 0]], TASK.examples)
        assert [passed(outcome) for outcome in row] == [True]


def test_executions_end_in_the_middle(fake: FakeOpenAI, workers: Sandbox) -> None:
    texts = iter(f"```python\nprint(int(input()) + 1)  # {n}\n```" for n in range(100))
    fake.writes = lambda body: whole(
        TEST if "Write one test" in body["messages"][0]["content"] else next(texts)
    )
    before = workers.stats.runs_asked
    options = solve_options(fake, Budget(executions=5), sizes=Sizes(40, 40))
    with a_session(fake, workers, options) as session:
        solution = by_need(session)
    assert solution.reason == "executions"
    assert session.spending.costs.executions == 5
    assert workers.stats.runs_asked - before == 5
    assert solution.chosen is not None


def test_nothing_is_sampled_with_an_empty_budget(fake: FakeOpenAI, workers: Sandbox) -> None:
    for budget in (Budget(tokens=0), Budget(requests=0), Budget(seconds=0)):
        with a_session(fake, workers, solve_options(fake, budget)) as session:
            assert by_need(session).chosen is None
    assert not fake.bodies


def test_no_readable_program_is_no_solution(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.writes = lambda _: whole("I would rather not.")
    with a_session(fake, workers, solve_options(fake, sizes=Sizes(6, 6, 1))) as session:
        solution = by_need(session)
    assert solution.chosen is None
    assert solution.sure is None
    assert solution.ranked == ()
    assert len(session.programs) == 6


def test_no_readable_test_leaves_the_examples_to_decide(fake: FakeOpenAI, workers: Sandbox) -> None:
    def no_tests(body: dict[str, Any]) -> dict[str, Any]:
        if "Write one test" in body["messages"][0]["content"]:
            return whole("None.")
        return usual(body)

    fake.writes = no_tests
    with a_session(fake, workers, solve_options(fake, sizes=Sizes(8, 8))) as session:
        solution = by_need(session)
        [row] = session.seen([session.programs[solution.chosen or 0]], TASK.examples)
    assert row[0] is not None
    assert row[0].verdict is Verdict.ACCEPTED
    assert solution.sure is None


def test_programs_that_all_time_out_are_ranked_and_not_believed(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    fake.writes = lambda body: whole(
        TEST
        if "Write one test" in body["messages"][0]["content"]
        else "```python\nwhile True:\n    pass\n```"
    )
    task = replace(TASK, time_limit=0.1)
    with a_session(fake, workers, solve_options(fake, sizes=Sizes(3, 3)), task) as session:
        solution = by_need(session)
        [row] = session.seen(session.programs[:1], task.examples)
    assert row[0] is not None
    assert row[0].verdict is Verdict.TIME_LIMIT
    assert solution.chosen == 0
    assert solution.sure is None


def test_failures_of_the_sandbox_are_no_evidence(fake: FakeOpenAI) -> None:
    options = solve_options(fake, sizes=Sizes(4, 4))
    task = replace(TASK, tests=(Test("5\n", "6\n"),))
    with a_session(fake, Broken(), options, task) as session:  # type: ignore[arg-type]
        solution = by_need(session)
        evidence = session.evidence()
    assert not evidence.observed_PU.any()
    assert solution.chosen == 0
    assert solution.sure is None


def test_ctrl_c_gives_the_best_so_far(
    fake: FakeOpenAI, shared_workers: None, tmp_path: Path
) -> None:
    stop = lambda: len(fake.bodies) >= 8  # noqa: E731
    solved = solve_task(TASK, solve_options(fake, sizes=Sizes(40, 40)), tmp_path / "s", stop=stop)
    assert solved.record["stopped"]
    assert solved.solution.reason == "stopped"
    assert any("Ctrl-C" in line for line in solved.account)
    written = json.loads((tmp_path / "s" / "solve.json").read_text())
    assert written["stopped"] is True


def test_a_key_that_is_refused_before_the_first_response_is_an_error(
    fake: FakeOpenAI, shared_workers: None
) -> None:
    fake.always = (401, {}, b'{"error": {"message": "no such \\u001b[31m key"}}')
    with pytest.raises(ModelError, match=r"HTTP 401: no such \\x1b\[31m key"):
        solve_task(TASK, solve_options(fake))


def test_a_program_that_fails_a_public_example_is_not_right(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    fake.writes = lambda body: whole(
        TEST.replace("5", "6") if "Write one test" in body["messages"][0]["content"] else WRONG
    )
    with a_session(fake, workers, solve_options(fake, sizes=Sizes(6, 6))) as session:
        solution = by_need(session)
    assert solution.chosen == 0
    assert solution.sure == 0


def test_binding_tests_that_were_not_run_say_nothing(fake: FakeOpenAI, workers: Sandbox) -> None:
    """Two unknown outcomes are no failure."""
    task = replace(TASK, examples=(), tests=(Test("5\n", "6\n"), Test("6\n", "7\n")))
    half: Any = Half(workers, task)
    with a_session(fake, half, solve_options(fake, sizes=Sizes(4, 4)), task) as session:
        solution = by_need(session)
    assert solution.sure is not None
    assert solution.sure > 0


class Half:
    """Runner that fails on the inputs of a task's binding tests."""

    def __init__(self, sandbox: Sandbox, task: Task) -> None:
        self.sandbox, self.failing = sandbox, {test.input for test in task.tests}

    def stream(
        self, jobs: Sequence[Job], abandoned: Any = None
    ) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        for number, outcomes in self.sandbox.stream(jobs, abandoned):
            yield (
                number,
                tuple(
                    Outcome(Verdict.INFRA) if text in self.failing else outcome
                    for text, outcome in zip(jobs[number].inputs, outcomes, strict=True)
                ),
            )


def test_a_text_that_no_limit_allows_is_cut(fake: FakeOpenAI, workers: Sandbox) -> None:
    """A server ignores max_tokens; what is behind 256 KiB is not read."""
    fake.writes = lambda body: whole(PROGRAM + "\n" + "x" * 3_000_000)
    with a_session(fake, workers) as session:
        session.sample(programs=1)
    [program] = session.programs
    assert len(program.reply.text) == 1 << 18
    assert program.reply.stop is StopReason.LENGTH
    assert program.source == "print(int(input()) + 1)\n"
