"""No text, however odd, raises anything but an error of one line."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import values
from sparring.errors import SparringError
from sparring.schema import TestKind
from sparring.solving.problems.problem import ProblemOptions, read_problem
from tests.solving.printed_statements import READ

_PIECES = st.sampled_from(
    [
        "def f(x):", "    ", "\n", "\n\n", ">>> f(1)", "f(2) == 4", "f([1, 2]) ➞", "'''", '"""',
        "Input:", "Output:", "Sample Input 1", "Sample Output 1", "Example 1:", "```", "```python",
        "~~~", "nums = [1, 2], k = 3", "1 2 3", "assert f(1) == 2", "class Solution:", "(", "[",
        "{'a': 1", "\\", "'", "`f(x)`", "function", "Write a function `g(a, b)` in Rust", "...",
        "-----Input-----", "**Output:**", "#", "import math", "10^{-6} error", "time limit: 9",
        "in any order", "é", "\t", "\x0b", "\u2028", "0x", "1e999", "9" * 60, "lambda: 0", "@f",
        "return", "> ", "- ", ":", "=", "async def g():", "f(n) = f(n - 1)", "\x1b[0m", "\x00",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES | st.text(max_size=8), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for options in (None, ProblemOptions(entry_point="f"), ProblemOptions(whole_program=True)):
        with contextlib.suppress(SparringError):
            task = read_problem(f"{text}\n", options).task
            assert task.tests == ()
            for test in task.examples:
                if test.kind is TestKind.CALL:
                    assert task.entry_point is not None
                    values.decode(test.input), values.decode(test.output)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(READ)), st.integers(0, 2000), st.integers(0, 40))
def test_a_damaged_statement_never_gives_an_input_of_words(
    name: str, start: int, length: int
) -> None:
    text, _ = READ[name]
    start %= len(text)
    with contextlib.suppress(SparringError):
        for test in read_problem(text[:start] + text[start + length :] + "\n").task.examples:
            assert "The " not in test.input
            assert "Print " not in test.input


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_any_example_is_taken_or_refused(given: str, shown: str, of_function: bool) -> None:
    text = "def f(x): ...\n" if of_function else "Print it.\n"
    with contextlib.suppress(SparringError):
        [test] = read_problem(text, ProblemOptions(examples=[(given, shown)])).task.examples
        assert test.kind is (TestKind.CALL if of_function else TestKind.STDIN)
