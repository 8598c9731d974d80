"""How strong tests are, and which branches they take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparring import values
from sparring.audit.strength import Strength, strength
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Task, Test, TestKind, Verdict
from sparring.tasks.mistakes import branches

SIGN = """
from __future__ import annotations
import sys

n = int(input())
if n > 0 and n < 100:
    print("small")
elif n >= 100:
    print("large")
    sys.exit()
else:
    for _ in range(n, 0):
        pass
    print("none")
"""
TESTS = (
    Test("1\n", "small\n"),
    Test("99\n", "small\n"),
    Test("100\n", "large\n"),
    Test("0\n", "none\n"),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened


def one(sandbox: Sandbox, task: Task, tests: tuple[Test, ...], most: int = 30) -> Strength:
    [measured] = strength(sandbox, [task], [tests], Limits(), most)
    assert measured is not None
    return measured


def test_more_tests_notice_more(sandbox: Sandbox) -> None:
    task = Task("t", "…", TESTS, solutions=(SIGN,))
    weak, full = one(sandbox, task, TESTS[:1]), one(sandbox, task, TESTS)
    assert 0 < weak.killed < full.killed
    assert weak.mutants == full.mutants
    assert weak.known == full.known == full.killed
    assert len(weak.missed) == full.killed - weak.killed
    assert weak.survivors == full.survivors
    assert {m.line for m in full.survivors} <= set(range(5, 14))


def test_a_wrong_test_notices_nothing_and_takes_nothing(sandbox: Sandbox) -> None:
    task = Task("t", "…", TESTS, solutions=(SIGN,))
    wrong = one(sandbox, task, (Test("5\n", "large\n"),))
    assert (wrong.counted, wrong.killed, wrong.covered) == (0, 0, 0)
    assert wrong.branches == 8
    assert wrong.score == 0


def test_branches_are_counted_by_outcome(sandbox: Sandbox) -> None:
    task = Task("t", "…", TESTS, solutions=(SIGN,))
    small = one(sandbox, task, TESTS[:1])
    assert (small.covered, small.branches) == (2, 8)  # `n > 0` true in and, the whole true
    full = one(sandbox, task, TESTS)
    assert full.untaken == ((12, "loop over range(n, 0) entered"),)
    all_of_them = one(sandbox, task, (*TESTS, Test("-2\n", "none\n")))
    assert all_of_them.covered == all_of_them.branches == 8


FUNCTION = """
def evens(v, most=10):
    found = []
    for x in v:
        if x % 2:
            continue
        found.append(x)
        if len(found) > most:
            raise ValueError("too many")
    return (x for x in found if x)

class Box:
    def size(self, n):
        return "big" if n > 5 else evens([n]) and "small"
"""


def called(*arguments: object, value: object) -> Test:
    return Test(values.encode((arguments, {})), values.encode(value), TestKind.CALL)


def test_functions_and_methods_are_traced(sandbox: Sandbox) -> None:
    tests = (called(9, value="big"), called(2, value="small"))
    task = Task("t", "…", tests, solutions=(FUNCTION,), entry_point="Box.size")
    found = one(sandbox, task, tests)
    assert found.counted == 2
    taken = {what for _, what in found.untaken}
    assert {"n > 5 true", "n > 5 false", "loop over v entered", "x % 2 false"}.isdisjoint(taken)
    assert {"loop over v passed by", "len(found) > most true", "x true", "x false"} <= taken
    assert found.killed > 0


def test_a_script_has_mutants_and_no_branches(sandbox: Sandbox) -> None:
    script = Test(
        "assert candidate(9) == 'big'\nassert candidate(2) == 'small'\n", "", TestKind.SCRIPT
    )
    task = Task("t", "…", (script,), solutions=(FUNCTION,), entry_point="Box.size")
    found = one(sandbox, task, (script,))
    assert found.killed > 0
    assert found.branches == 0


def test_nothing_is_said_without_a_solution(sandbox: Sandbox) -> None:
    assert strength(sandbox, [Task("t", "…", TESTS)], [TESTS], Limits()) == [None]
    broken = Task("t", "…", TESTS, solutions=("def",))
    found = one(sandbox, broken, TESTS)
    assert (found.counted, found.score, found.branches) == (0, None, 0)


ODD = '''"""A docstring."""
from __future__ import annotations
import atexit, sys
atexit.register(lambda: print("last words"))
n = int(input())
print("first", end=" ")
match n:
    case 1:
        print([y for x in range(3) if (y := x) != 1])
    case 2 if sys.argv:
        sys.exit()
    case 3:
        raise SystemExit(1)
while True:
    try:
        print(1 // (n - 4) or "zero")
    except ZeroDivisionError:
        print(n < 9 < n or None)
    break
'''


@pytest.mark.parametrize("data", ["1\n", "2\n", "3\n", "4\n", "5\n", "x\n"])
def test_an_instrumented_program_does_what_it_did(sandbox: Sandbox, data: str) -> None:
    traced = branches.instrumented(ODD)
    assert traced is not None
    [[plain], [noted]] = sandbox.run([Job(ODD, (data,)), Job(traced.source, (data,))])
    run = branches.split(noted.output)
    assert (run.output, noted.verdict) == (plain.output, plain.verdict)
    assert run.taken is not None
    what = {traced.outcomes[i][1] for i in run.taken}
    assert ("case 1" in what) == (data == "1\n")
    assert ("case 2" in what) == (data == "2\n")
    assert ("no case" in what) == (data in ("4\n", "5\n"))
    assert ("exception handled" in what) == (data == "4\n")
    assert not any("True" in text or "range(3)" in text for _, text in traced.outcomes)


def test_a_function_that_raises_leaves_notes_and_a_generator_runs_on(sandbox: Sandbox) -> None:
    traced = branches.instrumented(FUNCTION, "evens")
    assert traced is not None
    inputs = tuple(values.encode((a, {})) for a in (([[2, 0, 1]]), ([[2, 4], 1])))
    job = Job(traced.source, inputs, kind=TestKind.CALL, entry_point=branches.ENTRY_POINT)
    [outcomes] = sandbox.run([job])
    assert [o.verdict for o in outcomes] == [Verdict.FINISHED] * 2
    whole, raised = (branches.split_call(o.output) for o in outcomes)
    assert (whole.output, whole.raised, raised.raised) == ('{"iterator":[2]}', False, True)
    assert whole.taken is not None
    assert raised.taken is not None
    taken = {traced.outcomes[i][1] for i in whole.taken}
    assert {"x true", "x false"} <= taken  # of the generator, drained after the call
    assert "len(found) > most true" in {traced.outcomes[i][1] for i in raised.taken}


def test_output_without_notes_is_left_alone() -> None:
    assert branches.split("plain\n") == branches.TracedExecution("plain\n", None)
    assert branches.split_call("3") == branches.TracedExecution("3", None)
    assert branches.instrumented("def") is None
