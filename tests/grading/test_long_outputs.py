"""Outputs longer than the usual limit, where a test expects them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sparring import values
from sparring.audit.flakiness import AuditSandboxes
from sparring.audit.soundness import Care, audit_tasks
from sparring.audit.strength import strength
from sparring.errors import SandboxError
from sparring.grading.limits import limits, needed_output_bytes
from sparring.integrations.trl import TestsPassed
from sparring.sandbox import Fork, Limits, Sandbox
from sparring.sandbox.types import MOST_OUTPUT_BYTES
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from tests.grading.grading_helpers import graded_texts, program

GENERAL = Limits()
LONG = 9_000_000
MIB = 1 << 20
ALL = [Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.OUTPUT_LIMIT]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1) as opened:
        yield opened


def first_test(rows: list[list[Outcome]]) -> list[Verdict]:
    return [row[0].verdict for row in rows]


@pytest.mark.parametrize("where", ["tests", "hidden", "examples"])
def test_the_limit_follows_the_longest_expected_output(where: str) -> None:
    short, long = Test("1\n", "1\n"), Test("2\n", "é" * MIB)
    task = replace(Task("t", "…", (short,), time_limit=3.0), **{where: (short, long)})
    assert limits(task, GENERAL) == Limits(3.0, 2.0, 256, 4 * MIB)
    assert limits(task, replace(GENERAL, output_bytes=5 * MIB)).output_bytes == 5 * MIB
    assert limits(Task("t", "…", (short,)), GENERAL) == GENERAL


def test_bytes_are_counted_whatever_stands_for_them() -> None:
    assert needed_output_bytes([Test("", "\udcff" * 1000)], 1) == 2 * 3000
    assert needed_output_bytes([Test("", "x" * 100, TestKind.CALL)], 1) == 2000
    assert (
        needed_output_bytes([Test("", "", TestKind.SCRIPT)], 7) == needed_output_bytes([], 7) == 7
    )
    assert (
        needed_output_bytes([Test("", "x" * (MOST_OUTPUT_BYTES // 2 + 1))], 1) == MOST_OUTPUT_BYTES
    )


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        (1, 1.0),
        ([1] * 50, [1.0] * 50),
        ([0] * 50, [complex(-0.0, -0.0)] * 50),
        ({1: {}}, {1.0: {}}),
        ([[]] * 9, [[]] * 9),
        ("é" * 50, "é" * 50),
    ],
)
def test_an_equal_value_has_room_however_it_is_written(expected: object, other: object) -> None:
    assert expected == other
    test = Test("", values.encode(expected), TestKind.CALL)
    assert len(values.encode(other)) <= needed_output_bytes([test], 1)


def test_a_value_within_a_tolerance_has_room_too() -> None:
    test = Test("", values.encode([0] * 50), TestKind.CALL, "float(1e-6)")
    assert len(values.encode([-1.2345678901234567e-10] * 50)) <= needed_output_bytes([test], 1)


def test_long_printed_output_end_to_end(sandbox: Sandbox) -> None:
    right = f"print('x' * {LONG - 1} + 'y')"
    task = Task("t", "…", (Test("\n", "x" * (LONG - 1) + "y\n"),), solutions=(right,))
    wrong = f"print('x' * {LONG})"
    far_more = f"for _ in range(4): print('x' * {LONG - 1} + 'y')"
    graded_group = graded_texts(sandbox, task, [program(p) for p in (right, wrong, far_more)], [])
    assert first_test([list(row) for row in graded_group.outcomes_PT]) == ALL
    assert [o.verdict for o in graded_group.reference_G] == [Verdict.ACCEPTED]


def test_a_long_value_end_to_end(sandbox: Sandbox) -> None:
    expected = "x" * (LONG - 1) + "y"
    test = Test(values.encode(((), {})), values.encode(expected), TestKind.CALL)
    task = Task("t", "…", (test,), entry_point="f", checker="value")
    bodies = (f"'x' * {LONG - 1} + 'y'", f"'x' * {LONG}")
    programs = [program(f"def f():\n    return {body}") for body in bodies]
    graded_group = graded_texts(sandbox, task, programs, [])
    assert first_test([list(row) for row in graded_group.outcomes_PT]) == ALL[:2]


def test_a_long_list_end_to_end(sandbox: Sandbox) -> None:
    expected = list(range(10_000_000, 11_000_000))
    test = Test(values.encode(((), {})), values.encode(expected), TestKind.CALL)
    assert len(test.output) >= LONG
    task = Task("t", "…", (test,), time_limit=5.0, entry_point="f", checker="value")
    programs = [
        program(f"def f():\n    return [{x} for x in range(10_000_000, {end})]")
        for x, end in (("x", "11_000_000"), ("x + (x == 10_999_999)", "11_000_000"))
    ]
    graded_group = graded_texts(sandbox, task, programs, [])
    assert first_test([list(row) for row in graded_group.outcomes_PT]) == ALL[:2]


def test_a_value_that_is_far_longer_meets_the_limit(sandbox: Sandbox) -> None:
    test = Test(values.encode(((), {})), values.encode("x" * 100_000), TestKind.CALL)
    task = Task("t", "…", (test,), entry_point="f", checker="value")
    graded_group = graded_texts(
        sandbox, task, [program("def f():\n    return 'x' * 20_000_000")], []
    )
    assert first_test([list(row) for row in graded_group.outcomes_PT]) == [Verdict.OUTPUT_LIMIT]


def test_a_checker_program_reads_a_long_output(sandbox: Sandbox) -> None:
    checker = (
        "import json, sys\ncase = json.load(sys.stdin)\n"
        "print('accepted' if case['output'].split() == case['expected'].split() else 'no')"
    )
    words = LONG // 4
    task = Task(
        "t",
        "…",
        (Test("\n", "10 " * words),),
        time_limit=5.0,
        checker="program",
        checker_program=checker,
    )
    programs = [program(f"print('10 ' * {words - 1} + '1{last}')") for last in "02"]
    graded_group = graded_texts(sandbox, task, programs, [])
    assert first_test([list(row) for row in graded_group.outcomes_PT]) == ALL[:2]


def test_a_long_output_is_rewarded_in_trl(sandbox: Sandbox) -> None:
    task = Task("t", "…", (Test("\n", "x" * LONG + "\n"),))
    with TestsPassed([task], sandbox=sandbox) as reward:
        texts = [program(f"print('x' * {n})") for n in (LONG, LONG - 1)]
        assert reward(texts, ["t", "t"]) == [1.0, 0.0]


def test_an_audit_confirms_a_long_output() -> None:
    solution = f"n = int(input())\nif n > 1: print('x' * {LONG})\nelse: print(n)"
    tests = (Test("1\n", "1\n"), Test("2\n", "x" * LONG + "\n"))
    task = Task("t", "…", tests, solutions=(solution,))
    with Sandbox(1, fork=Fork.PER_TEST, memo=False) as usual:
        bench = AuditSandboxes(usual, (usual, usual))
        [audited] = audit_tasks(bench, [task], GENERAL, Care(repeats=2))
        assert audited.confirmed == 2
        assert not audited.findings
        [strong] = strength(usual, [task], [tests], GENERAL, 2)
    assert strong is not None
    assert strong.counted == 2


def test_wider_limits_stay_below_what_is_allowed_at_all() -> None:
    """A solution that meets a limit is given more, but no more than there may be."""
    task = Task("t", "…", (Test("1\n", "1\n"),), solutions=("while True: pass",), time_limit=0.1)
    roomy = replace(GENERAL, output_bytes=MOST_OUTPUT_BYTES)
    with Sandbox(1, fork=Fork.PER_TEST, memo=False) as usual:
        bench = AuditSandboxes(usual, (usual, usual))
        [audited] = audit_tasks(bench, [task], roomy, Care(repeats=1, patience=2.0))
    assert audited.best is None


def test_more_than_a_gibibyte_is_refused_in_one_line() -> None:
    assert Limits(output_bytes=1 << 30).output_bytes == MOST_OUTPUT_BYTES
    with pytest.raises(SandboxError, match=r"output_bytes is 1073741825: .* at most 1,073,741,824"):
        Limits(output_bytes=(1 << 30) + 1)
