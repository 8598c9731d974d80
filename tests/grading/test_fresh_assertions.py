"""Tests in answers that were once read as something that running them would not mean."""

import pytest

from sparring.grading.assertions import read_assertion
from sparring.prompts.layout import AnswerText
from sparring.prompts.rules import ParsedTest, TestRule
from sparring.schema import ParseFailure, StopReason


def read(text: str, rule: TestRule = TestRule.FIRST, function: str = "f") -> ParsedTest:
    return read_assertion(AnswerText.of(text.split("\n")), function, rule, StopReason.END_TOKEN)


def block(source: str) -> str:
    return f"```python\n{source}\n```"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def test():\n    return\n    assert f(1) == 2", "may end the test: return"),
        ("import sys\nsys.exit()\nassert f(1) == 2", "may end the test: sys.exit()"),
        ("raise SystemExit\nassert f(1) == 2", "may end the test: raise"),
        ("def test(self):\n    self.skipTest('x')\n    assert f(1) == 2", "may end the test"),
        ("def test():\n    if 1:\n        return\n    assert f(1) == 2", "may end the test: if 1"),
        ("@unittest.skip\nclass T:\n    def test(self):\n        assert f(1) == 2", "decorator"),
        ("def float(x):\n    return 3\nassert f(float('1')) == 2", "another float"),
        ("from numpy import float\nassert f(float(1)) == 2", "another float"),
        ("class math:\n    pi = 3\nassert f(math.pi) == 2", "another math"),
        ("import numpy as math\nassert f(math.pi) == 2", "another math"),
        ("from numpy import isclose\nassert isclose(f(1), 0.3)", "another isclose"),
        ("def approx(x):\n    return x\nassert f(1) == approx(0.3)", "another approx"),
        ("x = [2, 1]\nassert f(x) == x", "the argument itself"),
        ("x = [2, 1]\nassert f((x, 1)) == [x]", "the argument itself"),
        ("x = [2, 1]\nr = f(x)\nassert r == x", "not a constant: x"),
        ("x = [2, 1]\nf(x)\nassert f(x) == [1, 2]", "not a constant: x"),
        ("x = [2, 1]\ny = x\nf(y)\nassert f(x) == [1, 2]", "not a constant: x"),
        ("x = [2, 1]\ny = (x, 3)\nf(y)\nassert f(x) == [1, 2]", "not a constant: x"),
    ],
)
def test_what_is_refused_because_running_it_may_mean_something_else(source: str, why: str) -> None:
    parsed = read(block(source))
    assert parsed.failure is ParseFailure.NOT_A_CALL
    assert why in parsed.seen


def test_a_star_import_may_bind_the_function_itself() -> None:
    text = block("from math import *\nassert gcd(4, 6) == 2")
    assert "another gcd" in read(text, function="gcd").seen
    assert read(text.replace("gcd", "f")).test


@pytest.mark.parametrize(
    "source",
    [
        "list = [1, 2]\nassert f(list) == 3",
        "str = 'a'\nassert f(str) == 3",
        "import math\nfrom math import isclose\nassert isclose(f(math.pi), 3.0)",
        "import pytest\nfrom pytest import approx\nassert f(1) == approx(0.3)",
        "x = [2, 1]\nr = f(x)\nassert r == [1, 2]",
        "x = [2, 1]\nassert f(x) == [1, 2]\nassert f(x) == [1, 2]",
        "x = 'ab'\nf(x)\nassert f(x) == x",
        "x = (1, 2)\nassert f(x) == x",
        "def test():\n    def g():\n        return 1\n    assert f(1) == 2",
    ],
)
def test_what_means_the_same_when_it_runs_is_read(source: str) -> None:
    assert read(block(source)).test


def test_the_second_of_two_on_one_list_is_not_known() -> None:
    source = "x = [2, 1]\nassert f(x) == [1, 2]\nassert f(x) == [1, 2]"
    assert read(block(source), TestRule.LAST).failure is ParseFailure.NOT_A_CALL
    shared = "X = [2, 1]\ndef test_a():\n    assert f(X) == 1\ndef test_b():\n    assert f(X) == 1"
    assert read(block(shared), TestRule.FIRST).test
    assert read(block(shared), TestRule.LAST).failure is ParseFailure.NOT_A_CALL


@pytest.mark.parametrize(
    "text",
    [
        "Do not write `assert f(1) == 3`.",
        "I can't repeat `assert f(1) == 2`.",
        "It would be wrong to say `assert f(1) == 3`",
    ],
)
def test_what_a_sentence_says_not_to_write_is_no_test(text: str) -> None:
    assert read(text).failure is ParseFailure.NO_CODE_BLOCK


@pytest.mark.parametrize("tag", ["code", "test", "answer"])
def test_tags_around_a_line_do_not_count(tag: str) -> None:
    assert read(f"Here:\n<{tag}>assert f(1) == 2</{tag}>").test
