"""Readers of inputs, judgements and decisions to keep, in models' answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.schema import ParseFailure, StopReason, TestKind
from sparring.solving.input_reader import read_input
from sparring.solving.inputs import is_input_only
from sparring.solving.judgements import Judgement, keeps, read_judgement
from tests.solving.pipeline_cases import PRINTED_TASK, TASK
from tests.solving.scripted_session import printed


def encoded(*arguments: object, **named: object) -> str:
    return values.encode((list(arguments), named))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```python\ndouble(7)\n```", encoded(7)),
        ("```\ndouble(-7)\n```", encoded(-7)),
        ("Here it is:\n```python\nprint(double(7))\n```", encoded(7)),
        ("```python\nassert double(7) == 14\n```", encoded(7)),  # a whole test: its input
        ("```python\ndouble(x=[1, 2])\n```", encoded(x=[1, 2])),
        ("```python\na = double(1)\nb = double(2)\n```", encoded(1)),  # the first
        ("double(7)", encoded(7)),
    ],
)
def test_an_input_of_a_function_is_one_call_with_constants(answer: str, expected: str) -> None:
    parsed = read_input(TASK, answer)
    assert parsed.test is not None
    assert parsed.test.input == expected
    assert parsed.test.kind is TestKind.CALL
    assert is_input_only(parsed.test)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("```python\ndouble(n)\n```", ParseFailure.NOT_A_CALL),
        ("```python\ntriple(3)\n```", ParseFailure.NOT_A_CALL),
        ("no idea", ParseFailure.NO_CODE_BLOCK),
        ("```python\n```", ParseFailure.EMPTY_BLOCK),
    ],
)
def test_refusals_of_calls_have_names(answer: str, failure: ParseFailure) -> None:
    assert read_input(TASK, answer).failure is failure


def test_a_call_that_was_cut_off_does_not_count() -> None:
    parsed = read_input(TASK, "```python\ndouble(1", StopReason.LENGTH)
    assert parsed.test is None
    assert parsed.failure is ParseFailure.TRUNCATED


@pytest.mark.parametrize(
    "answer",
    ["**Test Input:**\n```\n7\n```", printed("7", "8"), "Try this:\n```\n7\n```\nIt differs."],
)
def test_a_printed_input_is_the_block(answer: str) -> None:
    parsed = read_input(PRINTED_TASK, answer)
    assert parsed.test is not None
    assert parsed.test.input == "7\n"
    assert parsed.test.output == ""


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("seven", ParseFailure.NO_TEST_INPUT),
        ("```python\nprint(7)\n```", ParseFailure.NO_TEST_INPUT),
        ("**Test Input:**\n```\n7", ParseFailure.UNCLOSED_BLOCK),
        ("```\n\n```", ParseFailure.EMPTY_BLOCK),
    ],
)
def test_refusals_of_printed_inputs_have_names(answer: str, failure: ParseFailure) -> None:
    assert read_input(PRINTED_TASK, answer).failure is failure


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader(text: str) -> None:
    for task in (TASK, PRINTED_TASK):
        parsed = read_input(task, text)
        assert (parsed.test is None) == (parsed.failure is not None)
    assert read_judgement(text) in Judgement
    assert keeps(text) in (True, False)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("A", Judgement.FIRST),
        ("The sum is 3.\n\n**B**", Judgement.SECOND),
        ("Program A is right.\nTie", Judgement.TIE),
        ("Program B is correct, because it handles 0.", Judgement.SECOND),
        ("Verdict: program A", Judgement.FIRST),
        ("A program like this is right.", Judgement.TIE),  # an article, no decision
        ("The answer: a list of both sums.", Judgement.TIE),
        ("The answer A gives is 49, the answer of B 14.", Judgement.TIE),
        ("My answer is **B**.\nIt doubles.", Judgement.SECOND),
        ("Decision: tie\nBoth are fine.", Judgement.TIE),
        ("Program A is right. No, program B is right.", Judgement.TIE),
        ("", Judgement.TIE),
    ],
)
def test_a_judgement_is_the_last_line_or_the_only_decision(
    answer: str, expected: Judgement
) -> None:
    assert read_judgement(answer) is expected


def test_a_swapped_judgement_is_about_the_other_program() -> None:
    assert [j.swapped for j in Judgement] == [Judgement.SECOND, Judgement.FIRST, Judgement.TIE]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("KEEP", True),
        ("**KEEP**\nThe test is right.", True),
        ("The test is right.\nKEEP.", True),
        ("```python\nkeep = []\n```", False),
        ("Do not KEEP it: ```python\nassert f(1) == 2\n```", False),
        ("", False),
    ],
)
def test_keep_is_a_word_of_its_own(answer: str, kept: bool) -> None:
    assert keeps(answer) is kept
