"""Answers without a program: the refusal's name, and what it says was seen."""

from __future__ import annotations

import pytest

from sparring.prompts.programs import read_source
from sparring.schema import ParseFailure, StopReason
from tests.prompts.test_programs import ADD, HELPER, IO, SUB, block, indented

REFUSED: dict[str, tuple[str, str | None, ParseFailure, str]] = {
    "another name": (
        block(HELPER),
        "add",
        ParseFailure.NO_FUNCTION,
        "1 block: python (defines plus)",
    ),
    "a name that nothing defines": (
        block("add = plus"),
        "add",
        ParseFailure.NO_FUNCTION,
        "1 block: python",
    ),
    "in a class": (
        block(f"class Solution:\n{indented(ADD, '    ')}"),
        "add",
        ParseFailure.NO_FUNCTION,
        "1 block: python (defines Solution, add in a class)",
    ),
    "only its body": (
        block("    return a + b"),
        "add",
        ParseFailure.SYNTAX_ERROR,
        "1 block: python (line 1: unexpected indent)",
    ),
    "a later version is broken": (
        block(ADD) + "\nbetter:\n" + block("def add(a, b):\n    return a +* b"),
        "add",
        ParseFailure.SYNTAX_ERROR,
        "2 blocks: python, python (line 2: invalid syntax)",
    ),
    "a later program is broken": (
        block(IO) + "\nbetter:\n" + block("print(input(]"),
        None,
        ParseFailure.SYNTAX_ERROR,
        "2 blocks: python, python (line 1: closing parenthesis ']' does not match opening "
        "parenthesis '(')",
    ),
    "shell and data": (
        block("ls", "bash") + "\n" + block("3", "text"),
        None,
        ParseFailure.NO_CODE_BLOCK,
        "2 blocks: bash, text (no statement)",
    ),
    "a sentence": (
        "I cannot.\n\nSorry.",
        None,
        ParseFailure.NO_CODE_BLOCK,
        "no block, 2 lines of text",
    ),
    "an empty block": (block("\n"), "add", ParseFailure.EMPTY_BLOCK, "1 block: python (empty)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_what_was_seen(name: str) -> None:
    text, entry_point, failure, seen = REFUSED[name]
    found = read_source(text, entry_point)
    assert found.source is None
    assert found.failure is failure
    assert found.seen == seen


def test_a_draft_is_not_graded_for_an_answer_that_was_cut_off() -> None:
    for text, entry_point in (
        (f"```python\n{ADD}", "add"),
        (f"{block(SUB)}\nbetter:\n```python\ndef add(a, b):\n    return", "add"),
        (f"{block(SUB)}\nbetter:\n```python\n{ADD}", "add"),
        (f"{block('print(input())')}\nbetter:\n```python\nn = int(input())\nprint(n", None),
        (f"```python\n{IO}", None),
        ("Let me think", "add"),
    ):
        found = read_source(text, entry_point, StopReason.LENGTH)
        assert found.failure is ParseFailure.TRUNCATED, text
    # what was complete before an explanation that was cut off is complete
    for text, entry_point in ((f"{block(ADD)}\nThis fun", "add"), (f"{block(IO)}\nThis pro", None)):
        assert read_source(text, entry_point, StopReason.LENGTH).source is not None


BROKEN = (
    "n = int(input())\nfor x in range(n):\n    print(min(x, 4)\nif n:\n    print(n)",
    "n = int(input())\nprint(n)\nelse:\n    print(1)",
    "p = int(input())\n F 2 1\nprint(p)",
    "def add(a, b):\n    total = a\n    return total +* b",
    "def add(a, b):\n    return a + b\nprint(add(1, 2)",
    "def add(a, b):\n    return a + b\n  print(add(1, 2))",
)


@pytest.mark.parametrize("code", BROKEN)
def test_no_part_of_a_broken_program_is_taken_for_one(code: str) -> None:
    for text in (block(code), block(code, ""), code, f"Here:\n\n{code}", f"```python\n{code}"):
        for entry_point in (None, "add"):
            assert read_source(text, entry_point).source is None, text
