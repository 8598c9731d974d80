"""`solve` as a library: texts, files and tasks; what comes back; what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sparring import solve
from sparring.errors import ConfigError, DataError, Stopped
from sparring.evaluation.options import EvalOptions, ModelSpec, prompts_of
from sparring.schema import Role, Task, Test
from sparring.solving.budget import Budget
from sparring.solving.engine import Solved
from sparring.solving.options import Sizes
from sparring.solving.problems.problem import ProblemOptions
from sparring.solving.session import Step
from sparring.solving.solve_problem import solve_problem
from tests.fake_openai import FakeOpenAI, whole

SOURCE = "print(int(input()) + 1)\n"


def _solved(
    fake: FakeOpenAI,
    sizes: Sizes,
    report: Callable[[str], None] = lambda line: None,
    on_step: Callable[[Step], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
    examples: tuple[tuple[str, str], ...] = (),
    out: Path | None = None,
) -> Solved:
    model = ModelSpec(fake.url)
    return solve_problem(
        "Print the number read plus one.",
        sizes=sizes,
        wanted=ProblemOptions(examples=examples),
        budget=Budget(),
        select=None,
        pipeline=None,
        sure=0.0,
        calibration=None,
        asking=EvalOptions(sources=(), models=dict.fromkeys(Role, model)),
        out=out,
        stop=stop,
        report=report,
        on_step=on_step,
    )


def test_a_text_is_solved_in_a_line(fake: FakeOpenAI, tmp_path: Path) -> None:
    lines: list[str] = []
    steps: list[Step] = []
    solved = _solved(
        fake, Sizes(6, 4), lines.append, steps.append, examples=(("1", "2"),), out=tmp_path / "out"
    )
    assert solved.source == SOURCE
    assert solved.source == solve(
        "Print the number read plus one.", coder=fake.url, n=6, m=4, examples=[("1", "2")]
    ).source  # fmt: skip
    assert solved.sure is not None
    assert solved.sure > 0.5
    assert not solved.abstained
    assert lines[0] == "asks for a whole program on standard input"
    assert lines[-1] == "1 given by --example"
    assert [s.text for s in steps] == [s["text"] for s in solved.record["steps"]]
    assert solved.account
    assert 2 * solved.costs.requests == len(fake.bodies)
    assert (tmp_path / "out" / "solve.json").exists()


def test_a_task_is_solved_without_a_look_at_its_truth(fake: FakeOpenAI) -> None:
    truth = Test("1\n", "1000\n")
    task = Task("t", "Print the number read plus one.", (truth,), (Test("1\n", "2\n"),))
    solved = solve(task, coder=fake.url, n=4, m=4)
    assert solved.source == SOURCE
    assert solved.task.tests == ()
    assert solved.record["decision"]["chosen_on"]["examples"]["passed"] == [0]


def test_a_function_is_asked_for_and_chosen(fake: FakeOpenAI) -> None:
    def writes(body: dict[str, object]) -> dict[str, object]:
        message = str(body["messages"])
        assert "`f`" in message
        if "Write one test" in message:
            return whole("```python\nassert f(3) == 4\n```")
        return whole("```python\ndef f(x):\n    return x + 1\n```")

    fake.writes = writes
    solved = solve("def f(x):\n    '''Add one.'''\n", coder=fake.url, n=2, m=2)  # fmt: skip
    assert solved.source == "def f(x):\n    return x + 1\n"


def test_a_stop_returns_the_best_so_far(fake: FakeOpenAI) -> None:
    solved = _solved(fake, Sizes(1000, 1000), stop=lambda: len(fake.bodies) > 6)
    assert solved.source in (SOURCE, SOURCE.replace("1", "2"))
    assert solved.record["stopped"]
    assert len(fake.bodies) < 100


def test_a_stop_before_the_server_has_answered_is_an_error(fake: FakeOpenAI) -> None:
    with pytest.raises(Stopped):
        _solved(fake, Sizes(), stop=lambda: True)


def test_a_budget_holds(fake: FakeOpenAI) -> None:
    solve("Print x.", coder=fake.url, requests=3)
    assert len(fake.bodies) <= 3


def test_what_cannot_be_solved_is_refused_before_any_request(fake: FakeOpenAI) -> None:
    with pytest.raises(ConfigError, match="select oracle: needs the ground truth"):
        solve("Print x.", coder=fake.url, select="oracle")
    with pytest.raises(ConfigError, match="select agreement_bon: needs the samples of an evalua"):
        solve("Print x.", coder=fake.url, select="agreement_bon")
    with pytest.raises(ConfigError, match="select: 'best' is no rule; choose one of bon, "):
        solve("Print x.", coder=fake.url, select="best")
    with pytest.raises(ConfigError, match="pipeline: 'best' is none; choose one of single, "):
        solve("Print x.", coder=fake.url, pipeline="best")
    with pytest.raises(ConfigError, match="n: is 0; it must be at least 1"):
        solve("Print x.", coder=fake.url, n=0)
    with pytest.raises(ConfigError, match="sure: is 2; it must be a probability"):
        solve("Print x.", coder=fake.url, sure=2)
    with pytest.raises(DataError, match="asks for Rust"):
        solve("Write a Rust program.", coder=fake.url)
    assert fake.bodies == []


@pytest.mark.parametrize("what", ["an example", "a binding test", "the statement"])
def test_half_a_surrogate_pair_is_refused(fake: FakeOpenAI, tmp_path: Path, what: str) -> None:
    """Bytes of the command line that are not UTF-8 reach Python so."""
    tests = tmp_path / "t.jsonl"
    tests.write_text('{"input": "\\ud800", "output": "2"}\n')
    problem: Task | str = "Print x."
    if what == "the statement":
        problem = Task("t", "Print \ud800.", ())
    with pytest.raises(DataError, match=rf"{what} is not UTF-8 text: .*\\ud800"):
        solve(problem, coder=fake.url, examples=[("\ud800", "2")] if what == "an example" else [],
              tests=tests if what == "a binding test" else None)  # fmt: skip
    assert not fake.bodies


def test_a_file_without_end_is_refused(fake: FakeOpenAI) -> None:
    with pytest.raises(DataError, match="longer than 256 KiB"):
        solve(Path("/dev/zero"), coder=fake.url)


def test_threads_and_running_loops_may_solve(fake: FakeOpenAI) -> None:
    def one(seed: int) -> str | None:
        return solve("Print the number plus one.", coder=fake.url, n=3, m=3, seed=seed,
                     examples=[("1", "2")], workers=1).source  # fmt: skip

    async def inside() -> str | None:
        return one(1)

    alone = [one(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, (1, 2))) == alone
    assert asyncio.run(inside()) == alone[0]


def test_every_argument_reaches_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each argument has a value of its own here, and each is looked for where it takes effect."""
    passed: dict[str, Any] = {}

    def keep(problem: object, **arguments: Any) -> None:
        passed.update(arguments, problem=problem)

    monkeypatch.setattr("sparring.solving.api.solve_problem", keep)
    coder, tester = ModelSpec("http://127.0.0.1:1/v1"), ModelSpec("http://127.0.0.1:2/v1")
    tests = tmp_path / "tests.py"
    solve(
        "P", coder=coder, tester=tester, n=2, m=3, examples=[("a", "b")], tests=str(tests),
        task="t", entry_point="f", whole_program=True, seconds=4.0, tokens=5, requests=6,
        executions=7, repairs=8, select="dual", pipeline="best_of_n", sure=0.9, temperature=0.1,
        top_p=0.2, top_k=10, max_tokens=11, stop=["x"], seed=12, prompts="nano",
        tester_prompts=None,
        extra={"y": 1}, concurrency=13, workers=14, out=str(tmp_path),
    )  # fmt: skip
    assert passed["problem"] == "P"
    assert passed["sizes"] == Sizes(2, 3, 8)
    assert passed["wanted"] == ProblemOptions("t", "f", True, (("a", "b"),), tests)
    assert passed["budget"] == Budget(4.0, 5, 6, 7)
    assert (passed["select"], passed["pipeline"]) == ("dual", "best_of_n")
    assert (passed["sure"], passed["calibration"], passed["out"]) == (0.9, None, tmp_path)
    asking = passed["asking"]
    assert dict(asking.models) == {Role.CODER: coder, Role.TESTER: tester}
    assert (asking.temperature, asking.top_p, asking.top_k, asking.max_tokens) == (0.1, 0.2, 10, 11)
    assert (asking.stop, asking.seed, dict(asking.extra)) == (("x",), 12, {"y": 1})
    assert (asking.concurrency, asking.workers) == (13, 14)
    assert asking.prompts == prompts_of("nano")
    assert asking.tester_prompts is None
