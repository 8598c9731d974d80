"""Tests on standard input as small models write them: several, without fences, in one block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.prompts.parse import parse_program
from sparring.prompts.rules import TestRule
from sparring.prompts.tests import IN_LINES, parse_test
from sparring.schema import ParseFailure, StopReason, Test

FENCED = "**Test Input:**\n```\n{}\n```\n**Test Output:**\n```\n{}\n```\n"
TWO = FENCED.format("3\n1 2 3", "6") + "\nAnother:\n\n" + FENCED.format("1\n5", "5")
FIRST, LAST = Test("3\n1 2 3\n", "6\n"), Test("1\n5\n", "5\n")


def test_the_words_of_a_response_are_read_without_a_task_too() -> None:
    assert parse_test(TWO).test == FIRST
    assert parse_program('So:\n```python title="a.py"\nprint(input())\n```').source == (
        "print(input())\n"
    )


def test_which_of_several_pairs_counts_is_a_rule() -> None:
    assert parse_test(TWO, rule=TestRule.FIRST).test == FIRST
    assert parse_test(TWO, rule=TestRule.LAST).test == LAST
    assert parse_test(TWO, rule=TestRule.ONLY).failure is ParseFailure.SEVERAL_TESTS
    for rule in TestRule:
        assert parse_test(FENCED.format("1\n5", "5"), rule=rule).test == LAST


def test_of_a_cut_response_the_first_pair_counts_if_it_is_whole() -> None:
    cut = TWO[: TWO.rindex("```\n5")] + "```\n"
    whole, half = (
        parse_test(cut, StopReason.LENGTH, rule=r) for r in (TestRule.FIRST, TestRule.LAST)
    )
    assert whole.test == FIRST
    assert half.failure is ParseFailure.TRUNCATED
    early = parse_test(TWO[:45], StopReason.LENGTH, rule=TestRule.FIRST)
    assert early.failure is ParseFailure.TRUNCATED


def test_the_rule_looks_at_places_alone() -> None:
    """The first pair counts also where it cannot be read and the second could."""
    bad = FENCED.format("", "6") + FENCED.format("1\n5", "5")
    assert parse_test(bad, rule=TestRule.FIRST).failure is ParseFailure.EMPTY_BLOCK
    nested = "**Test Input:**\n```\n1\n```\n" + TWO
    assert parse_test(nested, rule=TestRule.FIRST).failure is ParseFailure.NESTED_HEADER


IN_PLAIN_LINES = {
    "Test Input: 4\n3 -1 -2 1\nTest Output: -1": Test("4\n3 -1 -2 1\n", "-1\n"),
    "**Test Input:**\n4\n3 -1 -2 1\n\n**Test Output:**\n-1\n": Test("4\n3 -1 -2 1\n", "-1\n"),
    "### Test Input: 5\n### Test Output: 6\n\nBecause 5 + 1 = 6.": Test("5\n", "6\n"),
    "Test Input:\n```\n5\n-1 2\n```\nTest Output: 2": Test("5\n-1 2\n", "2\n"),
    "Test Input: 5\n**Test Output:**\n```\n2\n3\n```": Test("5\n", "2\n3\n"),
    "```\nTest Input:\n5\n-2 4\nTest Output:\n9\n```": Test("5\n-2 4\n", "9\n"),
    "**Test Input:** `1 2`\n**Expected Test Output:** `3`": Test("1 2\n", "3\n"),
    "Test Input: 5\nTest Output:\n2\n3\n\nThat is right.": Test("5\n", "2\n3\n"),
}


@pytest.mark.parametrize("text", IN_PLAIN_LINES)
def test_values_in_plain_lines_are_read(text: str) -> None:
    for rule in TestRule:
        parsed = parse_test(text, rule=rule)
        assert parsed.test == IN_PLAIN_LINES[text]
        assert parsed.how == IN_LINES
        later = f"{text}\n\nTest Input: 7\nTest Output: 8\n"
        if rule is TestRule.FIRST and not text.startswith("```"):
            assert parse_test(later, rule=rule).test == IN_PLAIN_LINES[text]


@pytest.mark.parametrize(
    "text",
    [
        "Test Input: 5",
        "Test Output: 5",
        "Test Input:\nTest Output: 5",
        "Test Input: 5\nTest Output:",
        "Test Input: 5\n\nsome words in between\n\n7\nTest Output: 5",  # where does it end?
        "Test Input: 4\nTest Input: 5\nTest Output: 5",  # which one?
        "Test Input: 4\n```\n5\n```\nTest Output: 5",
        "The test input: one that fails. Its test output: the same.",
        "Let the test input be 5 and the test output 6.",
    ],
)
def test_what_cannot_be_told_apart_is_refused(text: str) -> None:
    for rule in TestRule:
        assert parse_test(text, rule=rule).test is None


def test_a_value_that_may_have_gone_on_is_none() -> None:
    text = "Test Input: 5\nTest Output: 1"
    assert parse_test(text, StopReason.LENGTH).failure is ParseFailure.TRUNCATED
    more = f"{text}2\nTest Input: 6\nTest Out"
    assert parse_test(more, StopReason.LENGTH, rule=TestRule.FIRST).test == Test("5\n", "12\n")


@given(st.text(alphabet="Test InputO:\n`* 5#~", max_size=80))
def test_no_text_breaks_it_and_what_is_read_is_whole(text: str) -> None:
    for rule in TestRule:
        parsed = parse_test(text, rule=rule)
        assert (parsed.test is None) != (parsed.failure is None)
        if parsed.test is not None:
            assert parsed.test.input.strip()
            assert parsed.test.output.strip()
            assert "Test Input" not in parsed.test.input + parsed.test.output
