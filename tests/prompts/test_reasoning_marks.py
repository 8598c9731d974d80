"""Marks of reasoning in a fence or a sentence are text; a draft in open reasoning is never read."""

from __future__ import annotations

import pytest

from sparring.prompts.programs import read_source
from sparring.prompts.reasoning import answer_of
from sparring.prompts.rules import Reasoning
from sparring.prompts.tests import parse_test
from sparring.schema import ParseFailure, StopReason

DRAFT = "```python\nprint(input() * 0)\n```"
OPEN_DRAFT = "```python\nprint(input() * 0)"
CODE = "print(input())"
FINAL = f"```python\n{CODE}\n```"
OPENED = Reasoning(opened=True)


def tagged(mark: str) -> str:
    """A program that speaks of a mark."""
    return f"```python\n# drop what is before {mark}\n{CODE}\n```"


READ: dict[str, tuple[str, Reasoning]] = {
    "a closed draft": (f"<think>\n{DRAFT}\n</think>\n{FINAL}", Reasoning()),
    "an open draft": (f"<think>\n{OPEN_DRAFT}\n</think>\n{FINAL}", Reasoning()),
    "an open unmarked draft": (f"<think>\n```\nx\n</think>\n{FINAL}", Reasoning()),
    "opened out of sight": (f"so\n{DRAFT}\n</think>\n{FINAL}", Reasoning()),
    "opened out of sight, an open draft": (f"so\n{OPEN_DRAFT}\n</think>\n{FINAL}", Reasoning()),
    "opened by the prompt": (f"so\n{OPEN_DRAFT}\n</think>\n{FINAL}", OPENED),
    "the end on a draft's line": (f"<think>{OPEN_DRAFT}</think>\n{FINAL}", Reasoning()),
    "the end before the fence": (f"<think>so</think>{FINAL}", Reasoning()),
    "an end mark in a draft": (
        f"<think>\n{tagged('</think>')}\nok\n</think>\n{FINAL}",
        Reasoning(),
    ),
    "an end mark in the program": (f"<think>\nx\n</think>\n{tagged('</think>')}", Reasoning()),
    "an end mark, no reasoning": (tagged("</think>"), Reasoning()),
    "a start mark, no reasoning": (tagged("<think>"), Reasoning()),
    "a start mark after reasoning": (f"<think>x</think>\n{tagged('<think>')}", Reasoning()),
    "a start mark in a sentence": (f"Let me <think> about it.\n{FINAL}", Reasoning()),
    "marks in quotes": (f'It drops `<think>` and "</think>".\n{FINAL}', Reasoning()),
    "an end mark in quotes behind": (f"{FINAL}\nSo `</think>` is dropped.", Reasoning()),
    "in a text of several lines": (
        f'```python\ns = """\n<think>\n</think>\n"""\n{CODE}\n```',
        Reasoning(),
    ),
    "reasoning twice": (f"<think>a</think>\n{DRAFT}\n<think>b</think>\n{FINAL}", Reasoning()),
    "reasoning after a sentence": (f"Sure.\n<think>\n{OPEN_DRAFT}\n</think>\n{FINAL}", Reasoning()),
    "marks of one's own": (f"[[{DRAFT}]]{FINAL}", Reasoning("[[", "]]")),
    "the answer first": (f"{FINAL}\n<think>was it right?", Reasoning()),
}


@pytest.mark.parametrize("name", READ)
def test_the_answer_is_read_and_no_draft(name: str) -> None:
    text, marks = READ[name]
    found = read_source(text, None, reasoning=marks)
    assert found.source is not None, found
    assert found.source.endswith(f"{CODE}\n")


REFUSED: dict[str, tuple[str, Reasoning]] = {
    "a draft": (f"<think>\n{DRAFT}", Reasoning()),
    "an open draft": (f"<think>\n{OPEN_DRAFT}", Reasoning()),
    "after a sentence": (f"Sure! <think>Okay, so\n{DRAFT}", Reasoning()),
    "on a line of its own": (f"Sure,\n  <think>\n{DRAFT}", Reasoning()),
    "behind a colon": (f"My thoughts: <think> well\n{DRAFT}", Reasoning()),
    "opened by the prompt": (DRAFT, OPENED),
    "opened by the prompt, a mark in it": (f"{tagged('<think>')}", OPENED),
    "reasoning again": (f"<think>a</think>\n<think>\n{DRAFT}", Reasoning()),
    "a draft without a fence": (f"<think>\n{CODE}", Reasoning()),
    "marks of one's own": (f"[[{DRAFT}", Reasoning("[[", "]]")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_draft_in_open_reasoning_is_never_read(name: str) -> None:
    text, marks = REFUSED[name]
    for stop in StopReason:
        assert read_source(text, None, stop, marks).source is None
        assert read_source(text.replace(CODE, "def f(): pass"), "f", stop, marks).source is None


def test_of_a_response_that_was_cut_off_a_sentence_is_no_excuse() -> None:
    text = f"Let me <think> about it.\n{DRAFT}"
    assert read_source(text, None, StopReason.LENGTH).failure is ParseFailure.TRUNCATED


def test_a_tester_may_write_of_marks_too() -> None:
    test = "**Test Input:**\n```\n<think> a </think>\n```\n**Test Output:**\n```\n</think>\n```"
    for text in (test, f"<think>```\nx\n</think>\n{test}", f"<think>{test}</think>\n{test}"):
        found = parse_test(text).test
        assert found is not None
        assert (found.input, found.output) == ("<think> a </think>\n", "</think>\n")
    assert parse_test(f"<think>{test.replace('</think>', '')}").test is None


def test_a_megabyte_of_marks_is_read_in_one_pass() -> None:
    for mark in ("<think>", "</think>", "`</think>`\n", "a <think> b\n"):
        answer_of(mark * 100_000, Reasoning())
