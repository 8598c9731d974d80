"""Texts of different responses never meet in a process of a program of the task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from sparring import values
from sparring.audit.strength import strength
from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.test_jobs import ExecutionRequest, jobs, run
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Outcome, Role, Task, Test, TestKind, TestRefusal, Verdict
from tests.grading.grading_helpers import a_test, graded, graded_texts, program, response

# Whoever evaluates this reads JSON as its author likes from then on.
TEACH = "[setattr(__import__('json')._default_decoder, 'decode', lambda text: {}), 3][1]"


def teach(value: str) -> str:
    return TEACH.replace("{}", value)


CHECKER = """
import json, sys
case = json.load(sys.stdin)
print("accepted" if eval(case["output"]) == int(case["expected"]) else "no")
"""
VALIDATOR = """
import json
print("valid" if eval(input()) <= json.loads("9") else "invalid")
"""
SOLUTION = """
import json
print(eval(input()) * json.loads("2"))
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1) as opened:
        yield opened


class Recorder:
    """A sandbox that remembers what it was asked for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.jobs: list[Job] = []

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        self.jobs += jobs
        return self.sandbox.run(jobs)

    def met(self, program: str) -> set[str]:
        """The inputs that could meet others in a process of this program's."""
        return {x for j in self.jobs if j.program == program and not j.alone for x in j.inputs}


def test_an_output_teaches_the_checker_nothing_about_anothers(sandbox: Sandbox) -> None:
    tests = (Test("1\n", "3\n"),)
    task = Task("t", "…", tests, checker="program", checker_program=CHECKER)
    liar = teach('{"output": "3", "expected": "3"}')
    grader = Grader(sandbox)
    asked = [OutputComparison.of(task, tests[0], output) for output in (liar, "4", "5", "3")]
    grader.prepare(asked)
    found = [grader.verdict(one)[0] for one in asked]
    wrong = Verdict.WRONG_ANSWER
    assert found == [Verdict.ACCEPTED, wrong, wrong, Verdict.ACCEPTED]


def test_programs_of_a_group_are_graded_as_if_each_were_the_only_one(sandbox: Sandbox) -> None:
    tests = (Test("1\n", "3\n"),)
    task = Task("t", "…", tests, checker="program", checker_program=CHECKER)
    liar = teach('{"output": "3", "expected": "3"}')
    graded_group = graded_texts(
        sandbox, task, [program(f"print({liar!r})"), program("print(4)")], []
    )
    assert graded_group.matrix.passed_PT.tolist() == [[True], [False]]


def test_a_generated_input_teaches_the_reference_nothing(sandbox: Sandbox) -> None:
    task = Task("t", "…", (Test("1\n", "2\n"),), solutions=(SOLUTION,))
    tests = [a_test(teach("21"), "63"), a_test("5", "105"), a_test("5", "10")]
    graded_group = graded_texts(sandbox, task, [], tests)
    assert graded_group.right_U.tolist() == [True, False, True]
    assert [o.verdict for o in graded_group.reference_G] == [Verdict.ACCEPTED]


def test_a_generated_input_teaches_the_validator_nothing(sandbox: Sandbox) -> None:
    task = Task("t", "…", (Test("1\n", "2\n"),), validator=VALIDATOR)
    graded_group = graded_texts(sandbox, task, [], [a_test(teach("99"), "6"), a_test("50", "1")])
    assert graded_group.valid_U.tolist() == [True, False]
    assert list(graded_group.refused_U) == [None, TestRefusal.FORBIDDEN]


def test_arguments_of_a_call_teach_the_reference_nothing(sandbox: Sandbox) -> None:
    solution = "import json\ndef f(x):\n    return eval(x) * json.loads('2')"
    first = values.encode((("1",), {}))
    own = Test(first, "2", TestKind.CALL)
    task = Task("t", "…", (own,), solutions=(solution,), entry_point="f", checker="value")
    tests = [program(f"assert f({given!r}) == {n}") for given, n in ((teach("21"), 63), ("5", 10))]
    graded_group = graded_texts(sandbox, task, [], tests)
    assert [o.output for o in graded_group.reference_U if o is not None] == ["63", "10"]
    assert graded_group.right_U.tolist() == [True, True]


def test_generated_tests_are_as_strong_as_they_are_alone(sandbox: Sandbox) -> None:
    own = Test("1\n", "2\n")
    task = Task("t", "…", (own,), solutions=(SOLUTION,))
    loud, quiet = Test(teach("21") + "\n", "63\n"), Test("5\n", "105\n")
    [measured] = strength(sandbox, [task], [[loud, quiet]], Limits())
    assert measured is not None
    assert measured.counted == 1  # not the one that is right only for a solution that was taught


def test_only_what_is_the_tasks_own_meets_in_a_process(sandbox: Sandbox) -> None:
    own = (Test("1\n", "2\n"), Test("2\n", "4\n"))
    hidden, shown = Test("3\n", "6\n"), Test("4\n", "8\n")
    task = Task(
        "t",
        "…",
        own,
        (shown,),
        solutions=(SOLUTION,),
        validator=VALIDATOR,
        hidden=(hidden,),
        checker="program",
        checker_program=CHECKER,
    )
    recorder = Recorder(sandbox)
    tester = [response(Role.TESTER, a_test(n, "4"), i) for i, n in enumerate("2567")]
    coder = [response(Role.CODER, program(f"print({n})"), n) for n in range(3)]
    group = graded(recorder, task, coder, tester)
    generated = [p.test for p in group.tests if p.test]
    strength(recorder, [task], [generated], Limits())
    known = {t.input for t in (*own, hidden, shown)}
    for source in {job.program for job in recorder.jobs}:
        if not source.startswith("print("):  # a response's own program
            assert recorder.met(source) <= known
    assert not recorder.met(CHECKER)
    assert "2\n" in recorder.met(SOLUTION)  # equal to one of the task's: it is known already


def test_one_run_of_the_reference_answers_a_generated_test_equal_to_one_of_the_tasks() -> None:
    task = Task("t", "…", (Test("1\n", "2\n"),), solutions=(SOLUTION,))
    tests = (Test("1\n", "5\n"), Test("7\n", "14\n"), *task.tests)
    [alone, shared] = jobs(ExecutionRequest(task, SOLUTION, tests, Limits()))
    assert (alone.inputs, alone.alone) == (("7\n",), True)
    assert (set(shared.inputs), shared.alone) == ({"1\n"}, False)
    with Sandbox(1) as sandbox:
        [row] = run(sandbox, [ExecutionRequest(task, SOLUTION, tests, Limits())])
        assert [o.output for o in row] == ["2\n", "14\n", "2\n"]
        assert sandbox.stats.runs_executed == 2


def test_a_models_program_has_one_job_as_ever() -> None:
    task = Task("t", "…", (Test("1\n", "2\n"),))
    tests = (*task.tests, Test("7\n", "14\n"))
    [job] = jobs(ExecutionRequest(task, "print(input())", tests, Limits(), of_task=False))
    assert (job.inputs, job.alone) == (("1\n", "7\n"), False)
