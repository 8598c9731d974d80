"""Checkers that accept another test's answer."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sparring.grading.checker_leniency import (
    MOST_PAIRS,
    CheckerLeniency,
    checker_leniency,
    leniency_comparisons,
)
from sparring.grading.comparison import Grader
from sparring.sandbox import Sandbox
from sparring.schema import Outcome, Task, Test, Verdict

SAME = 'import json, sys\nc = json.load(sys.stdin)\nprint(["no", "accepted"][{}])'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1) as opened:
        yield opened


def task(*outputs: str, checker: str = "tokens", program: str | None = None) -> Task:
    tests = tuple(Test(f"{i}\n", o) for i, o in enumerate(outputs))
    return Task("t", "Add.", tests, checker=checker, checker_program=program)


def test_outputs_that_differ_in_white_space_alone_are_not_foreign() -> None:
    assert leniency_comparisons(task("1 2\n", "1\n2")) == []
    pairs = leniency_comparisons(task("1\n", " 1", "2"))
    assert [(p.input, p.output, p.expected) for p in pairs] == [
        ("0\n", "2", "1\n"),
        ("2\n", "1\n", "2"),
    ]


def test_pairs_are_bounded_different_and_the_hidden_tests_are_among_them() -> None:
    pairs = leniency_comparisons(task(*map(str, range(100))))
    assert len({(p.input, p.output) for p in pairs}) == len(pairs) == MOST_PAIRS
    few = Task("t", "Add.", (Test("0", "0"),), hidden=(Test("1", "1"),))
    assert len(leniency_comparisons(few)) == 2


@pytest.mark.parametrize(
    ("accepts", "expected"),
    [
        ("True", CheckerLeniency(6, 6)),
        ('c["output"].split() == c["expected"].split()', CheckerLeniency(0, 6)),
        ('c["output"] < c["expected"]', CheckerLeniency(3, 6)),
        ("1 / 0", CheckerLeniency(0, 6)),
    ],
)
def test_a_checker_program_is_tried(
    sandbox: Sandbox, accepts: str, expected: CheckerLeniency
) -> None:
    one = task("1", "2", "3", checker="program", program=SAME.format(accepts))
    grader = Grader(sandbox)
    grader.prepare(leniency_comparisons(one))
    assert checker_leniency(one, grader) == expected


def test_a_rule_is_tried_by_its_tolerance(sandbox: Sandbox) -> None:
    assert checker_leniency(task("1.0", "2.0"), Grader(sandbox)) == CheckerLeniency(0, 2)
    wide = task("1.0", "2.0", "50.0", checker="float(abs=5)")
    assert checker_leniency(wide, Grader(sandbox)) == CheckerLeniency(2, 6)


def test_a_checker_that_could_not_be_run_says_nothing() -> None:
    one = task("1", "2", checker="program", program="pass")
    lost: Any = SimpleNamespace(run=lambda jobs: [[Outcome(Verdict.INFRA)] * 2 for _ in jobs])
    grader = Grader(lost)
    grader.prepare(leniency_comparisons(one))
    assert checker_leniency(one, grader) == CheckerLeniency(0, 0)
