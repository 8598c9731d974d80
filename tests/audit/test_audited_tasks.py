"""Audits of single tasks: with infrastructure failures, checker programs, or no solution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest

from sparring import values
from sparring.audit.flakiness import AuditSandboxes
from sparring.audit.perturbations import Perturbation, clocks, perturbations
from sparring.audit.soundness import Audited, Care, audit_tasks
from sparring.errors import SandboxError
from sparring.sandbox import Fork, Job, Limits, Sandbox
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from sparring.tasks.cleaning.findings import TaskFault

TESTS = (Test("1\n", "2\n"), Test("4\n", "8\n"))
DOUBLE = "print(2 * int(input()))"
CLOCK = "import time, datetime\nprint(time.localtime().tm_year, datetime.date.today().year)"


@pytest.fixture(scope="module")
def bench() -> Iterator[AuditSandboxes]:
    with (
        Sandbox(1, fork=Fork.PER_TEST, memo=False) as usual,
        Sandbox(1, fork=Fork.PER_TEST, memo=False, hash_seed=7) as other,
        Sandbox(1, fork=Fork.PER_TEST, memo=False, hash_seed=8) as third,
    ):
        yield AuditSandboxes(usual, (other, third))


def audited(bench: AuditSandboxes, task: Task, **care: float) -> Audited:
    [audited_task] = audit_tasks(bench, [task], Limits(), Care(**care))  # type: ignore[arg-type]
    return audited_task


class Failing:
    """A sandbox whose every run fails on our side."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        return [tuple(Outcome(Verdict.INFRA) for _ in job.inputs) for job in jobs]


def test_an_infrastructure_failure_blames_nothing() -> None:
    task = Task(
        "t", "Double.", (*TESTS, Test("1\n", "3\n")), solutions=(DOUBLE,), validator="print('no')",
        checker="program", checker_program="print('accepted')",
    )  # fmt: skip
    audited_task = audited(AuditSandboxes(Failing(), (Failing(), Failing())), task)
    assert {f.fault for f in audited_task.findings} == {TaskFault.UNKNOWN}
    assert (audited_task.best, audited_task.confirmed) == (None, 0)


def test_the_best_solution_is_the_one_that_passes_most(bench: AuditSandboxes) -> None:
    task = Task("t", "Double.", TESTS, solutions=("print(2)", "1/0", DOUBLE))
    audited_task = audited(bench, task, repeats=1)
    assert (audited_task.best, audited_task.confirmed) == (2, 2)
    seen = {f.solution: f.seen for f in audited_task.findings}
    assert seen == {
        0: "fails test 1; on the first: it gives 2\\n",
        1: "fails every test; on the first: ZeroDivisionError: division by zero",
    }


def test_a_solution_that_passes_nothing_does_not_accuse_the_tests(bench: AuditSandboxes) -> None:
    task = Task("t", "Double.", TESTS, solutions=("print(0)",))
    audited_task = audited(bench, task, repeats=1)
    assert [(f.fault, f.solution) for f in audited_task.findings] == [(TaskFault.SOLUTION_FAILS, 0)]


def test_solutions_that_agree_with_each_other_and_not_with_the_test(bench: AuditSandboxes) -> None:
    wrong = (*TESTS, Test("7\n", "15\n"), Test("8\n", "15\n"))
    other = "n = int(input())\nprint(n + n if n != 8 else 17)"
    audited_task = audited(bench, Task("t", "Double.", wrong, solutions=(DOUBLE, other)), repeats=1)
    assert [(f.test, f.seen) for f in audited_task.findings] == [
        (2, "expected 15\\n, all 2 solutions give 14\\n"),
        (3, "expected 15\\n, and the solutions do not agree: 16\\n or 17\\n"),
    ]


def test_public_examples_are_run_too(bench: AuditSandboxes) -> None:
    task = Task("t", "Double.", TESTS, (Test("3\n", "7\n"),), solutions=(DOUBLE,))
    [found] = audited(bench, task, repeats=1).findings
    assert (found.fault, found.test, found.example) == (TaskFault.WRONG_OUTPUT, 0, True)
    assert found.where == "t, example 0"


def test_contradicting_tests_without_a_solution_are_both_doubted(bench: AuditSandboxes) -> None:
    task = Task("t", "Double.", (*TESTS, Test("1\n", "3\n"), Test("4\n\n", "8\n")))
    found = [(f.fault, f.test) for f in audited(bench, task).findings]
    assert found == [
        (TaskFault.CONTRADICTION, 0),
        (TaskFault.CONTRADICTION, 2),
        (TaskFault.DUPLICATE, 3),
        (TaskFault.NO_SOLUTION, None),
    ]


def test_one_repetition_finds_nothing_flaky(bench: AuditSandboxes) -> None:
    years = Task("t", "The year.", (Test("1\n", "x\n"),), solutions=(CLOCK,))
    [found] = audited(bench, years, repeats=1).findings
    assert found.fault is TaskFault.WRONG_OUTPUT
    [found] = audited(bench, years, repeats=2).findings
    assert found.fault is TaskFault.FLAKY


def test_a_moved_clock_moves_all_that_tells_the_time(bench: AuditSandboxes) -> None:
    source = """
import datetime, time
from time import time as seconds
now = datetime.datetime.now()
print(int(seconds()), int(time.time_ns() // 10**9), datetime.date.today(), now.date(), now.year,
      time.localtime().tm_year, time.gmtime().tm_year, time.strftime("%Y"), time.ctime()[-4:],
      time.asctime()[-4:], datetime.datetime.utcnow().year, datetime.datetime.today().year,
      datetime.datetime.now(datetime.timezone.utc).year, repr(datetime.date(2020, 1, 2)))
"""
    condition = Perturbation(clock=951_782_400.5)  # 2000-02-29
    [[outcome]] = bench.usual.run([Job(condition.program(source), ("",))])
    assert outcome.verdict is Verdict.FINISHED, outcome.detail
    expected = "951782400 951782400 2000-02-29 2000-02-29" + " 2000" * 9
    assert outcome.output == f"{expected} datetime.date(2020, 1, 2)\n"


def test_conditions_differ_in_what_an_output_may_not_depend_on() -> None:
    first, *others = perturbations(4)
    assert first == Perturbation()
    assert {c.hash_seed for c in others} == {0, 1, 2}
    assert len({c.random for c in others}) == 3
    assert {int(c.clock or 0) % 2 for c in clocks()} == {0, 1}
    assert others[0].program("print(1)") == "print(1)\n# 1\n"
    assert "exec" in others[0].program("import time")


def test_a_third_hash_seed_tells_what_two_order_alike(bench: AuditSandboxes) -> None:
    same, third = (
        AuditSandboxes(bench.usual, (bench.usual, other))
        for other in (bench.usual, bench.others[1])
    )
    task = Task("t", "Which?", (Test("", "9\n"), Test("", "8\n")), solutions=("print(hash('a'))",))
    assert {f.fault for f in audited(same, task).findings}.isdisjoint({TaskFault.FLAKY})
    flaky = [f for f in audited(third, task).findings if f.fault is TaskFault.FLAKY]
    assert len(flaky) == 2
    assert all("order of sets" in f.seen for f in flaky)


@pytest.mark.parametrize(
    ("solution", "entry_point", "fault"),
    [
        ("print(input(", None, TaskFault.SOLUTION_FAILS),
        ("  x = 1\n y = 2", None, TaskFault.SOLUTION_FAILS),
        ("def other(x):\n    return x", "double", TaskFault.SOLUTION_FAILS),
        ("print(int(input()) // 0)", None, TaskFault.INVALID_INPUT),
    ],
)
def test_a_solution_that_is_no_program_accuses_no_input(
    bench: AuditSandboxes, solution: str, entry_point: str | None, fault: TaskFault
) -> None:
    call = Test(values.encode(([1], {})), "2", TestKind.CALL)
    task = Task(
        "t", "Double.", (call if entry_point else TESTS[0],), solutions=(solution,),
        entry_point=entry_point,
    )  # fmt: skip
    assert {f.fault for f in audited(bench, task).findings} == {fault}


def test_a_hash_seed_orders_sets_and_has_no_store(bench: AuditSandboxes) -> None:
    job = Job("print({'ant', 'bee', 'cat', 'dog', 'elk'})", ("",))
    [[usual]], [[other]] = bench.usual.run([job]), bench.others[0].run([job])
    assert usual.output != other.output
    for seed in (-1, 1 << 32):
        with pytest.raises(SandboxError, match="hash_seed"):
            Sandbox(1, hash_seed=seed)


class Ticking:
    """A sandbox whose programs print the time, which goes on from call to call."""

    now = 0.0

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        self.now += 1
        starts = [re.search(r"_sparring_move\(([\d.]+)\)", job.program) for job in jobs]
        outcomes = [Outcome(Verdict.FINISHED, m[1] if m else str(self.now)) for m in starts]
        return [(one,) * len(job.inputs) for one, job in zip(outcomes, jobs, strict=True)]


def test_the_clock_is_named_though_it_never_stands_still() -> None:
    ticking = Ticking()
    task = Task("t", "Double.", TESTS, solutions=("import time; print(time.time())",))
    audited_task = audited(AuditSandboxes(ticking, (ticking, ticking)), task)
    assert {f.fault for f in audited_task.findings} == {TaskFault.FLAKY}
    assert all("depends on the clock" in f.seen for f in audited_task.findings)
