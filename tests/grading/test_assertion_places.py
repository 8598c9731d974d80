"""Which of a tester's assertions is the test: by its place, before any is read."""

from __future__ import annotations

import pytest

from sparring.grading.assertions import AssertionFrom
from sparring.prompts.rules import TestRule
from tests.grading.test_assertions import FENCE, block, parse, read

SEVERAL = {
    # text: under only, first, last
    block("assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3"): ("several", "f(1)", "f(3)"),
    "assert f(1) == 1\nassert f(2) == 2": ("several", "f(1)", "f(2)"),
    "1. assert f(1) == 1\n2. assert f(2) == 2": ("several", "f(1)", "f(2)"),
    "It is `assert f(1) == 1` or `assert f(2) == 2`.": ("several", "f(1)", "f(2)"),
    block("assert f(1) == 1") + block("assert f(2) == 2"): ("f(2)", "f(1)", "f(2)"),
    block("print(1)") + block("assert f(2) == 2"): ("f(2)", "f(2)", "f(2)"),
    block("assert f(1) == 1") + block("6", ""): ("f(1)", "f(1)", "f(1)"),
    block("assert(f(1) == 1);", "c") + block("assert f(2) == 2"): ("f(2)", "f(2)", "f(2)"),
    # Blocks go before lines, lines before sentences.
    "assert f(1) == 1\n" + block("assert f(2) == 2") + "assert f(3) == 3": ("f(2)", "f(2)", "f(2)"),
    "So `assert f(1) == 1`?\nassert f(2) == 2\nNot `assert f(3) == 3`.": ("f(2)", "f(2)", "f(2)"),
    # The one that counts counts, though it is none and its neighbour would be one.
    block("assert f(1) != 1\nassert f(2) == 2"): ("several", "not_a_call", "f(2)"),
    block("assert f(1) == 1\nassert f(2) != 2"): ("several", "f(1)", "not_a_call"),
    block("assert abs(f(1)) < 9\nassert f(2) == 2"): ("several", "not_a_call", "f(2)"),
    block("assert f(1) == 1\nassert abs(f(2) - 2) < 9"): ("several", "f(1)", "loose_tolerance"),
    block("for x in (1,):\n    assert f(x) == 1\nassert f(2) == 2"): (
        "several",
        "not_a_call",
        "f(2)",
    ),
    block("assert f(1) == 1\nwith pytest.raises(E):\n    f(2)"): ("several", "f(1)", "not_a_call"),
    block("assert f(1) == = 1") + block("assert f(2) == 2"): ("f(2)", "syntax_error", "f(2)"),
    block("assert f(1) == 1") + block("assert f(2) == = 2"): (
        "syntax_error",
        "f(1)",
        "syntax_error",
    ),
    block("def test():\n    x = 1\n    assert f(x) == 1\n    x = 2\n    assert f(x) == 2"): (
        "several",
        "f(1)",
        "f(2)",
    ),
}


@pytest.mark.parametrize("text", SEVERAL)
def test_the_position_decides_which_assertion_counts(text: str) -> None:
    got = [read(text, rule) for rule in TestRule]
    assert [g.partition(" ")[0].replace("several_tests", "several") for g in got] == list(
        SEVERAL[text]
    )


CUT = {
    # Cut off: under only and last, under first.
    "assert f(1) == 1\nassert f(2) =": ("truncated", "f(1) == 1"),
    "assert f(1) == 1\n": ("truncated", "f(1) == 1"),
    "assert f(1) == 1": ("truncated", "truncated"),  # of 12, perhaps
    "assert f(1) == [1,\n 2": ("truncated", "truncated"),
    "1. assert f(1) == 1\n2. asse": ("truncated", "f(1) == 1"),
    "So `assert f(1) == 1` is": ("truncated", "truncated"),
    f"{FENCE}python\nassert f(1) == 1\nassert f(2) == 2\nas": ("truncated", "f(1) == 1"),
    f"{FENCE}python\nassert f(1) == 1": ("truncated", "truncated"),
    f"{FENCE}python\nassert f(1) == 1\n": ("truncated", "f(1) == 1"),
    f"{FENCE}python\ndef test():\n    x = 1\n    assert f(x) == 1\n    x": (
        "truncated",
        "f(1) == 1",
    ),
    f"{FENCE}python\nassert f(1) != 1\nassert f(2) == 2\nas": ("truncated", "not_a_call"),
    f"{FENCE}python\nprint(1)\n": ("truncated", "truncated"),
    # A block that was closed is whole, whatever is said of it afterwards.
    block("assert f(1) == 1") + "It catch": ("f(1) == 1", "f(1) == 1"),
    block("assert f(1) == 1") + f"{FENCE}python\nassert f(2) == 2\n": ("truncated", "f(1) == 1"),
    block("assert f(1) == 1") + f"{FENCE}text\nit": ("truncated", "f(1) == 1"),
    "Let me see.": ("truncated", "truncated"),
    "": ("truncated", "truncated"),
}


@pytest.mark.parametrize("text", CUT)
def test_of_a_response_that_was_cut_off_only_what_is_settled_counts(text: str) -> None:
    for rule in TestRule:
        assert read(text, rule, cut=True) == CUT[text][rule is TestRule.FIRST]


def test_a_block_that_the_model_left_open_ends_with_the_answer() -> None:
    text = f"So:\n{FENCE}python\nassert f(1) == 1"
    assert read(text) == "f(1) == 1"
    assert parse(text).how == AssertionFrom.OPEN_BLOCK
    assert read(f"{FENCE}python\nassert f(1) ==") == "syntax_error"
    assert read(f"{FENCE}python\nprint(1)") == "unclosed_block"


def test_the_decision_and_what_was_seen_are_named() -> None:
    def how(text: str, rule: TestRule = TestRule.ONLY) -> str:
        return parse(text, rule).how

    assert how(block("assert f(1) == 1")) == "block"
    assert how("assert f(1) == 1") == "lines"
    assert how("So `assert f(1) == 1` it is") == "sentence"
    two = block("assert f(1) == 1\nself.assertEqual(f(2), 2)")
    assert how(two, TestRule.FIRST) == "first_of_several"
    assert how(two, TestRule.LAST) == "last_of_several"
    assert parse(two, TestRule.LAST).seen == "self.assertEqual(f(2), 2)"
    assert parse(two).seen == "2 assertions: assert f(1) == 1"
    assert parse(block("assert f(x) == 1")).seen == "assert f(x) == 1: not a constant: x"
    assert parse("Hm.\nWhat now?").seen == "text: Hm. What now?"
    assert parse(block("print(f(1))")).seen == "print(f(1))"
    assert parse(block("x = 1\nassert f(")).seen == "no Python from here on: assert f("
