"""Verdicts that an execution of its kind cannot have are refused, whatever returned them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.audit.flakiness import AuditSandboxes
from sparring.audit.soundness import Care, audit_tasks
from sparring.audit.strength import strength
from sparring.audit.trivial_solutions import find_vacuous
from sparring.cli import sandbox as command
from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.test_jobs import ExecutionRequest, run
from sparring.sandbox import Job, Limits, Sandbox, believed
from sparring.sandbox.caller import plan
from sparring.sandbox.caller.credible import DECISIONS, credible
from sparring.sandbox.caller.memo import Memo
from sparring.sandbox.caller.store import Store
from sparring.sandbox.cluster import chunks
from sparring.sandbox.types import Stats
from sparring.schema import Outcome, Role, Task, Test, TestKind, Verdict
from tests.grading.played import graded, program, response

STDIN = Test("1\n", "1\n")
CALL = Test('{"tuple":[{"tuple":[]},{"dict":[]}]}', "1", TestKind.CALL, "value")
SCRIPT = Test("assert f() == 1", "", TestKind.SCRIPT)
NEVER = {
    TestKind.STDIN: {*DECISIONS, Verdict.INVALID},
    TestKind.CALL: {*DECISIONS, Verdict.INVALID},
    TestKind.SCRIPT: {Verdict.FINISHED, Verdict.INVALID},
}


class Liar:
    """Stands for a sandbox that says the same of every run."""

    def __init__(self, verdict: Verdict, output: str = "") -> None:
        self.outcome = Outcome(verdict, output)

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        return [tuple(self.outcome for _ in job.inputs) for job in jobs]


def liars() -> Iterator[tuple[Test, Verdict]]:
    for test in (STDIN, CALL, SCRIPT):
        yield from ((test, verdict) for verdict in sorted(NEVER[test.kind]))


def with_task(test: Test) -> Task:
    name = None if test.kind is TestKind.STDIN else "f"
    return Task("t", "…", (test,), solutions=("print(1)",), entry_point=name)


@pytest.mark.parametrize("kind", list(TestKind))
def test_each_kind_has_its_verdicts(kind: TestKind) -> None:
    assert {v for v in Verdict if not credible(kind, v)} == NEVER[kind]
    for verdict in Verdict:
        outcome = Outcome(verdict, "x", 1.0, 2.0, "y")
        if verdict in NEVER[kind]:
            changed = believed(kind, outcome)
            assert (changed.verdict, changed.output, changed.cpu_seconds) == (
                Verdict.INFRA,
                "",
                1.0,
            )
            assert changed.detail == (
                f"a {kind} execution returned the verdict {verdict}, which it cannot decide"
            )
        else:
            assert believed(kind, outcome) is outcome


@pytest.mark.parametrize(("test", "verdict"), list(liars()))
def test_graders_do_not_believe_it(test: Test, verdict: Verdict) -> None:
    task = with_task(test)
    graded = Grader(Liar(verdict)).graded(Outcome(verdict), OutputComparison.of(task, test, ""))
    assert graded.verdict is Verdict.INFRA
    assert "returned the verdict" in graded.detail


def test_a_scripts_decision_stays() -> None:
    for verdict in DECISIONS:
        outcome = Outcome(verdict)
        one = OutputComparison.of(with_task(SCRIPT), SCRIPT, "")
        assert Grader(Liar(verdict)).graded(outcome, one) is outcome


@pytest.mark.parametrize(("test", "verdict"), list(liars()))
def test_nobody_else_believes_it(test: Test, verdict: Verdict) -> None:
    task, liar = with_task(test), Liar(verdict)
    ask = ExecutionRequest(task, "print(1)", (test,), Limits())
    assert [o.verdict for [o] in run(liar, [ask])] == [Verdict.INFRA]
    group = graded(liar, task, [response(Role.CODER, program("def f():\n    print(1)"))])
    assert not group.matrix.observed_PT.any()
    assert {o.verdict for o in group.reference_G} == {Verdict.INFRA}
    [audited] = audit_tasks(AuditSandboxes(liar, (liar, liar)), [task], Limits(), Care(repeats=1))
    assert (audited.best, audited.confirmed) == (None, 0)
    [strong] = strength(liar, [task], [(test,)], Limits())
    assert strong is not None
    assert strong.counted == 0
    if test.kind is TestKind.SCRIPT:
        assert find_vacuous(liar, Grader(liar), [task], [Limits()]) == [[]]


@pytest.mark.parametrize("verdict", DECISIONS)
def test_a_checkers_run_cannot_decide_by_its_verdict(verdict: Verdict) -> None:
    task = Task("t", "…", (STDIN,), checker="program", checker_program="print('accepted')")
    grader = Grader(Liar(verdict, "accepted\n"))
    one = OutputComparison.of(task, STDIN, "1\n")
    grader.prepare([one])
    assert grader.verdict(one) == (Verdict.INFRA, "the checker could not be run")


def test_a_checker_that_was_not_run_refuses_nobody() -> None:
    task = Task("t", "…", (STDIN,), checker="program", checker_program="print('accepted')")
    grader = Grader(Liar(Verdict.NOT_RUN))
    one = OutputComparison.of(task, STDIN, "1\n")
    grader.prepare([one])
    assert grader.verdict(one)[0] is Verdict.INFRA


def made(job: Job, memo: Memo) -> plan.Plan:
    return plan.make([job], plan.Call(), memo, Stats(), skip=False)


def test_a_worker_and_a_node_cannot_decide() -> None:
    [work] = made(Job("p", ("1",)), Memo(0)).works
    work.settle(work.unknown[0], Outcome(Verdict.ACCEPTED))
    assert work.outcomes[work.unknown[0]].verdict is Verdict.INFRA
    [work] = made(Job("p", ("1",)), Memo(0)).works
    answer = {"outcomes": [[("accepted", "", 0.0, 0.0, "")]], "node": "n"}
    chunks.settle([work], answer)
    assert work.outcomes[work.unknown[0]].verdict is Verdict.INFRA


def test_inputs_that_a_store_does_not_hold_are_run(tmp_path: Path) -> None:
    job = Job("print(input())", ("1",))
    [work] = made(job, Memo(0)).works
    store = Store(tmp_path / "store")
    store.put(work.unknown[0], Outcome(Verdict.ACCEPTED, "1\n"))
    store.close()
    with Sandbox(1, store=tmp_path / "store") as sandbox:
        [[outcome]] = sandbox.run([job])
        assert (outcome.verdict, outcome.output) == (Verdict.FINISHED, "1\n")
        assert sandbox.stats.runs_executed == 1


def test_the_shell_does_not_believe_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "run", lambda self, jobs: Liar(Verdict.ACCEPTED).run(jobs))
    for name in ("p.py", "given", "expected"):
        (tmp_path / name).write_text("1\n")
    asked = ["run", str(tmp_path / "p.py"), "--input", str(tmp_path / "given")]
    for more in ([], ["--expected", str(tmp_path / "expected")]):
        done = CliRunner().invoke(command.app, [*asked, *more])
        assert done.exit_code == 1
        assert "infra: a stdin execution returned the verdict accepted" in done.output
