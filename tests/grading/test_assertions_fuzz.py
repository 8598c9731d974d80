"""Properties of reading a tester's answer: a form says what its canonical form says, and no test
comes from anything but an assertion that was written."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.prompts.rules import ParsedTest, TestRule
from tests.grading.test_assertions import parse, shown

FENCE = "```"
VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**20), 10**20),
        st.text("ab'\"\\\n`#: ", max_size=6),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    ),
    max_leaves=5,
)
FORMS = [
    "assert f({x}) == {y}",
    "assert {y} == f({x})",
    "assert (f({x}) == {y}), 'said'",
    "expected = {y}\nassert f({x}) == expected",
    "x = {x}\nassert f(x) == {y}",
    "x, y = {x}, {y}\nresult = f(x)\nassert y == result",
    "def test_f():\n    x = {x}\n    assert f(x) == {y}\n\ntest_f()",
    "def check(candidate):\n    assert candidate({x}) == {y}\n\ncheck(f)",
    "s = Solution()\nassert s.f({x}) == {y}",
    "class T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f({x}), {y})",
    "class T(unittest.TestCase):\n    def setUp(self):\n        self.x = {x}\n\n"
    "    def test(self):\n        self.assertTrue({y} == f(self.x))\n\nunittest.main()",
    "if __name__ == '__main__':\n    assert f(\n        {x}\n    ) == {y}\n    print('ok')",
]


@given(VALUES, VALUES, st.sampled_from(FORMS), st.booleans())
@settings(max_examples=80)
def test_a_form_and_its_canonical_form_say_the_same(
    given_value: Any, value: Any, form: str, fenced: bool
) -> None:
    x, y = repr(given_value), repr(value)
    canonical = parse(f"{FENCE}python\nassert f({x}) == {y}\n{FENCE}")
    assert canonical.test is not None
    source = form.replace("{x}", x).replace("{y}", y)
    text = f"{FENCE}python\n{source}\n{FENCE}" if fenced else source
    for rule in TestRule:
        assert parse(text, rule).test == canonical.test


PROSE = [
    "Let us assert that it holds.",
    "assert that f(1) is 2",
    "assert equality of both",
    "The function f(1) == 2 is tested, so we assert it.",
    "Here is `f(2)` and `x = 3`.",
    "# Test",
    "1. First, think.",
    "> quoted",
    "**Test Input:**",
    "f(3) == 4",
    "print(f(3) == 4)",
    ">>> f(3)",
    "4",
    "x = 3",
    "def f(x):",
    "    return x",
    "def test_f():",
    "import math",
    "",
    "",
    "<think>",
    "</think>",
    FENCE,
    f"{FENCE}python",
    f"{FENCE}text",
    "~~~",
    "   ```python main.py",
    "(",
    "'''",
    "else:",
]
WRITTEN = {
    "assert f(11) == 12": "f(11) == 12",
    "- assert f(13) == 14": "f(13) == 14",
    "    assert f(15) == 16": "f(15) == 16",
    "`assert f(17) == 18`": "f(17) == 18",
    "self.assertEqual(f(19), 20)": "f(19) == 20",
    "The test `assert f(21) == 22` is one.": "f(21) == 22",
    "assert f(23) == 24, 'x'": "f(23) == 24",
    f"assert f(25) == 26{FENCE}": "f(25) == 26",
    f"{FENCE}python assert f(27) == 28{FENCE}": "f(27) == 28",
}
REFUSED = ["assert f(31) != 32", "assert abs(f(33) - 34) < 9", "for i in (1,): assert f(35) == 36"]
NOISE = st.text(max_size=12) | st.text("assert f(1)=[]:.'`\t#>-*x", max_size=20)


def say(parts: list[str], rule: TestRule, cut: bool) -> ParsedTest:
    return parse("\n".join(parts), rule, cut=cut)


@given(st.lists(st.sampled_from(PROSE), max_size=12), st.sampled_from(TestRule), st.booleans())
@settings(max_examples=150)
def test_without_an_assertion_there_is_no_test(parts: list[str], rule: TestRule, cut: bool) -> None:
    assert say(parts, rule, cut).test is None


@given(
    st.lists(st.sampled_from([*PROSE, *WRITTEN, *WRITTEN, *REFUSED]), max_size=12),
    st.sampled_from(TestRule),
    st.booleans(),
)
@settings(max_examples=200)
def test_a_test_is_one_of_the_assertions_that_were_written(
    parts: list[str], rule: TestRule, cut: bool
) -> None:
    found = say(parts, rule, cut)
    if found.test is not None:
        assert shown(found) in {WRITTEN[p] for p in parts if p in WRITTEN}, parts


@given(
    st.lists(st.sampled_from([*PROSE, *WRITTEN, *REFUSED]) | NOISE, max_size=12),
    st.sampled_from(TestRule),
    st.booleans(),
)
@settings(max_examples=150)
def test_no_mixture_breaks_the_reader(parts: list[str], rule: TestRule, cut: bool) -> None:
    say(parts, rule, cut)
    if not any("assert" in part for part in parts) and "assert" not in "".join(parts):
        assert say(parts, rule, cut).test is None
