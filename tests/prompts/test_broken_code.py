"""What is left of broken code, without its faulty lines, is another program: it is never read."""

from __future__ import annotations

import pytest

from sparring.prompts.programs import read_source
from sparring.schema import ParseFailure

BROKEN = {
    "a parenthesis that is never closed": (
        "v = list(map(int, input().split()))\nw = []\nfor x in v:\n    if x != -1:\n"
        "        w.append(x\nprint(*w)"
    ),
    "a colon that is missing": "n = int(input())\nif n > 3\n    n = 3\nprint(n)",
    "a line that is indented too far": "n = int(input())\n    n += 1\nprint(n)",
    "a bare else": "n = int(input())\nelse:\n    n = 0\nprint(n)",
    "a quote that is never closed": "n = int(input())\nprint('n is, n)\nprint(n)",
}
OF_FUNCTIONS = {
    "the body's last line": "def f(n):\n    m = n + 1\n    return (m",
    "a branch of it": "def f(n):\n    if n:\n        return 1\n    esle:\n        return 2",
    "a helper behind it": "def f(n):\n    return g(n)\n\ndef g(n)\n    return n",
}


@pytest.mark.parametrize(
    "fences", ["```python\n{}\n```", "```\n{}\n```", "{}", "So:\n\n{}\n\nDone."]
)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_program_is_not_repaired(name: str, fences: str) -> None:
    found = read_source(fences.format(BROKEN[name]), None)
    assert found.source is None, found.source
    assert found.failure in (ParseFailure.SYNTAX_ERROR, ParseFailure.NO_CODE_BLOCK)


@pytest.mark.parametrize(
    "fences", ["```python\n{}\n```", "```\n{}\n```", "{}", "So:\n\n{}\n\nDone."]
)
@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_a_broken_function_is_not_repaired(name: str, fences: str) -> None:
    found = read_source(fences.format(OF_FUNCTIONS[name]), "f")
    assert found.source is None, found.source


def test_prose_behind_code_breaks_nothing() -> None:
    text = "Use this:\n\ndef f(n):\n    return n + 1\n\nThis adds one. If n is 3, it gives 4."
    assert read_source(text, "f").source == "def f(n):\n    return n + 1\n"


def test_words_about_a_program_behind_a_stray_fence_are_no_later_attempt() -> None:
    program = "n = int(input())\nprint(n + 1)\n"
    behind = "```\n\nIt reads with `input()`; what follows is the print and its result.\n"
    assert read_source(f"```python\n{program}```\n\n{behind}", None).source == program
    attempt = "```\nn = int(input(\nprint(n + 2)\n"
    assert read_source(f"```python\n{program}```\n\n{attempt}", None).failure is (
        ParseFailure.UNCLOSED_BLOCK
    )
