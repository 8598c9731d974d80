"""Fenced blocks: as CommonMark has them, and as models write them."""

from __future__ import annotations

import pytest

from sparring.prompts.blocks import blocks, language
from sparring.prompts.tests import PLAIN_HEADERS, parse_test
from sparring.schema import ParseFailure, Test

BLOCKS: dict[str, tuple[str, list[list[str]]]] = {
    "backticks": ("a\n```\nx\n```\nb", [["x"]]),
    "tildes hold backticks": ("~~~\n```\nx\n```\n~~~", [["```", "x", "```"]]),
    "a longer fence holds a shorter": ("````\n```\nx\n```\n````", [["```", "x", "```"]]),
    "a longer fence closes": ("```\nx\n`````", [["x"]]),
    "a shorter one does not": ("````\nx\n```", [["x", "```"]]),
    "another character does not": ("```\nx\n~~~", [["x", "~~~"]]),
    "inline code is no fence": ("```x``` and\n``y``", []),
    "an info string with blanks": ('```python title="a.py" x\ny\n```', [["y"]]),
    "unclosed": ("```\nx\n", [["x", ""]]),
    "nothing in it": ("```\n```", [[]]),
    "three blanks off": ("   ```\n     x\n   y\n z\n   ```", [["  x", "y", "z"]]),
    "in a list": ("1. a\n\n   ```\n   x\n     y\n   ```", [["x", "  y"]]),
    "on the line of a list": ("- ```\n  x\n  ```\n- b", [["x"]]),
    "tabs": ("\t```\n\tx\n\t\ty\n\t```", [["x", "\ty"]]),
    "half a tab": ("  ```\n\tx\n  ```", [["  x"]]),
    "a quotation": ("> ```\n> x\n>  y\n> ```\nz", [["x", " y"]]),
    "zero width before it": ("\u200b```\nx\n```", [["x"]]),
    "escaped": ("\\`\\`\\`\nx\n\\`\\`\\`", [["x"]]),
    "closed with an end token": ("```\nx\n```<|im_end|>\ny", [["x"]]),
    "closed with a sentence": ("```\nx\n``` That is all.\ny", [["x"]]),
    "a language does not close": ("```\nx\n```python\ny\n```", [["x", "```python", "y"]]),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_found(name: str) -> None:
    text, expected = BLOCKS[name]
    assert [b.lines for b in blocks(text.split("\n"))] == expected


def test_a_language_is_told_from_what_stands_behind_it() -> None:
    of_python = 'python|Python3|{python}|{.python #id}|python title="a"|language-python|python:a.py'
    assert {language(info) for info in of_python.split("|")} == {"python"}
    named = {"c++ 17": "c++", "C#": "c#", "": "", "3": "", "Input 1": "input", "py3": "py"}
    assert {info: language(info) for info in named} == named


GIVEN, EXPECTED = "3\n1 2 3", "6"


def response(
    info: str = "",
    mark: str = "```",
    headers: tuple[str, str] = ("**Test Input:**", "**Test Output:**"),
) -> str:
    first, second = headers
    return f"{first}\n{mark}{info}\n{GIVEN}\n{mark}\n{second}\n{mark}{info}\n{EXPECTED}\n{mark}"


def indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.split("\n"))


TESTS: dict[str, str] = {
    **{f"marked {x}": response(x) for x in ("text", "plain text", "in.txt", "{.txt}", "c++ 17")},
    "tildes": response(mark="~~~"),
    "four backticks": response(mark="````"),
    "in a list": "1. The test\n" + indented(response(), "   "),
    "deep in a list": "- a\n  - b\n" + indented(response(), "      "),
    "by tabs": indented(response(), "\t"),
    "quoted": indented(response(), "> "),
    "only fences indented": response(mark="  ```"),
    "an end token": response() + "<|im_end|>",
    "text behind the closing fences": response().replace("\n```\n**", "\n``` so far.\n**"),
    "a block with a title before": '```python title="check.py"\nprint(6)\n```\n' + response(),
    "a block in C++ before": "```c++ 17\nint main(){}\n```\n" + response(),
    "a block of several words before": "```Input 1\n1\n```\n" + response(),
    "numbered": response(headers=("**Test Input 1:**", "**Test Output 1:**")),
    "list items": response(headers=("- **Test Input:**", "- **Test Output:**")),
    "a remark": response(headers=("**Test Input (large):**", "**Test Output (large):**")),
    "expected output": response(headers=("**Test Input:**", "**Expected Output:**")),
    "full-width colons": response(headers=("**Test Input：**", "**Test Output：**")),
    "headings": response(headers=("### Test Input", "### Test Output")),
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_a_test_is_read_without_what_its_blocks_are_set_in(name: str) -> None:
    parsed = parse_test(TESTS[name])
    assert parsed.test == Test(f"{GIVEN}\n", f"{EXPECTED}\n"), parsed


def test_headers_without_the_word_test_count_where_there_are_no_others() -> None:
    plain = response(headers=("**Input:**", "**Output:**"))
    assert parse_test(plain).how == PLAIN_HEADERS
    both = f"**Input:**\n```\n9\n```\n**Output:**\n```\n9\n```\n{response()}"
    assert parse_test(both).test == Test(f"{GIVEN}\n", f"{EXPECTED}\n")


def test_what_stands_in_a_block_is_taken_to_the_letter() -> None:
    literal = "  two \t\n\n\\n <b> &lt; \u00a0"
    text = response().replace(GIVEN, literal)
    found = parse_test(text).test
    assert found is not None
    assert found.input == f"{literal}\n"


@pytest.mark.parametrize(
    "inside",
    ["**Test Input:**\n3", "### Test Output\n3", "3\n```python\n4", "3\n  ```text\n4", "3\n~~~\n4"],
)
def test_a_header_or_a_fence_in_a_block_is_refused(inside: str) -> None:
    parsed = parse_test(response().replace(GIVEN, inside))
    assert parsed.failure is ParseFailure.NESTED_HEADER
    assert parsed.seen == "1 input header, 1 output header, 2 blocks"
