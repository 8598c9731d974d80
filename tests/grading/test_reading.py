"""A tester's assertion: read as a call, or refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.presets import Preset, preset_values
from sparring.grading.reading import read_program, read_test
from sparring.prompts.rules import ReadingRules, Reasoning, TestRule
from sparring.prompts.settings import PromptSettings
from sparring.prompts.templates import Templates
from sparring.schema import ParseFailure, Role, StopReason, Task, Test, TestKind
from tests.grading.grading_helpers import a_test, response

F = Task("t", "Do it.", (Test(values.encode(([1], {})), "1", TestKind.CALL),), entry_point="f")
METHOD = Task("t", "Do it.", F.tests, entry_point="Solution.f")


def read(text: str, task: Task = F) -> Test | ParseFailure | None:
    parsed = read_test(task, response(Role.TESTER, text), ReadingRules(tests=TestRule.ONLY))
    assert (parsed.test is None) != (parsed.failure is None)
    return parsed.test or parsed.failure


def block(source: str) -> str:
    return f"It is 3.\n```python\n{source}\n```\n"


def call(value: object, *arguments: object, rule: str | None = None, **named: object) -> Test:
    return Test(values.encode((list(arguments), named)), values.encode(value), TestKind.CALL, rule)


GOOD = {
    "assert f([1], x=2) == 3": call(3, [1], x=2),
    "assert 3 == f([1])  # why": call(3, [1]),
    "import math\nassert math.isclose(f(1), 0.5)": call(0.5, 1, rule="value(abs=0.0, rel=1e-09)"),
    "assert f(1) is None": call(None, 1, rule="typed"),
    "assert f('a\\nb') == {1, 2}, 'said'": call({1, 2}, "a\nb"),
    # What is true about almost anything is no test: these are read as they would be written out.
    "assert f(1)": call(True, 1),
    "assert not f(1)": call(False, 1),
}


@pytest.mark.parametrize("source", GOOD)
def test_one_assertion_is_a_call(source: str) -> None:
    assert read(block(source)) == GOOD[source]


BAD = {
    "f(1)": ParseFailure.NO_ASSERTION,
    "# assert f(1) == 2": ParseFailure.NO_ASSERTION,
    "assert f(1) == 2\nassert f(2) == 3": ParseFailure.SEVERAL_TESTS,
    "assert f(x) == 2": ParseFailure.NOT_A_CALL,
    "def f(x): return x\nassert f(1) == 1": ParseFailure.NOT_A_CALL,
    "for i in (1,):\n    assert f(i) == i": ParseFailure.NOT_A_CALL,
    "assert g(1) == 1": ParseFailure.NOT_A_CALL,
    "assert f(1) == f(2)": ParseFailure.NOT_A_CALL,
    "assert f(1) != 2": ParseFailure.NOT_A_CALL,
    "assert True": ParseFailure.NOT_A_CALL,
    "assert f(1) == 10 ** 10 ** 10": ParseFailure.NOT_A_CALL,
    "assert abs(f(1) - 0) < 1e9": ParseFailure.LOOSE_TOLERANCE,
    "assert f(1) == approx(1, rel=0.5)": ParseFailure.LOOSE_TOLERANCE,
    "assert f(1 ==": ParseFailure.SYNTAX_ERROR,
    " ": ParseFailure.EMPTY_BLOCK,
}


@pytest.mark.parametrize("source", BAD)
def test_what_is_no_such_assertion_is_refused_by_name(source: str) -> None:
    assert read(block(source)) is BAD[source]


def test_the_last_block_counts_and_reasoning_does_not() -> None:
    assert read(block("assert f(1) == 1") + block("assert f(2) == 2")) == call(2, 2)
    assert read("f(1) == 1") is ParseFailure.NO_CODE_BLOCK
    assert read(block("f(1) == 1")[:-5]) is ParseFailure.UNCLOSED_BLOCK
    inside = f"<think>{block('assert f(1) == 1')}</think>{block('assert f(2) == 2')}"
    assert read(inside) == call(2, 2)
    inside = ReadingRules(Reasoning(opened=True))
    opened = read_test(F, response(Role.TESTER, block("assert f(1)")), inside)
    assert opened.failure is ParseFailure.UNFINISHED_REASONING
    assert read(a_test("1", "2")) is ParseFailure.NO_ASSERTION


def test_of_several_tests_the_first_counts_unless_a_recipe_says_otherwise() -> None:
    two = response(Role.TESTER, block("assert f(1) == 2\nassert f(2) == 3"))
    assert read_test(F, two).test == call(2, 1)
    assert read_test(F, two, ReadingRules(tests=TestRule.LAST)).test == call(3, 2)


def test_presets_say_which_test_counts() -> None:
    rules = {preset: preset_values(preset)["prompts"]["read_tests"] for preset in Preset}
    assert rules == {"paper": "last", "official": "last", "default": "first"}
    assert PromptSettings().reading("").tests is TestRule.FIRST
    assert PromptSettings(read_tests=TestRule.ONLY).reading("").tests is TestRule.ONLY
    assert load_recipe(NANO_RECIPE).prompts.read_tests is TestRule.LAST


def test_a_method_is_called_on_a_new_object() -> None:
    assert read(block("assert Solution().f(1) == 2"), METHOD) == call(2, 1)
    for other in ("f(1)", "Other().f(1)", "Solution(2).f(1)", "Solution.f(1)", "Solution().g(1)"):
        assert read(block(f"assert {other} == 2"), METHOD) is ParseFailure.NOT_A_CALL


def test_the_form_that_the_prompt_shows_is_one_that_is_read() -> None:
    """And it is none about the function that is asked for: who repeats it has written no test."""
    for task in (F, METHOD):
        shown = Templates().fill(task, Role.TESTER)
        assert read(shown, task) is ParseFailure.NOT_A_CALL
        assert read(shown, replace(task, entry_point="double_all")) == call([4, -2], [2, -1])


@given(st.text(max_size=60) | st.text(alphabet="assert f(1)=[]\n:0.x'`", max_size=60))
def test_no_text_breaks_the_reader(source: str) -> None:
    read(source)
    read(block(source))


def test_a_task_on_standard_input_has_its_own_form() -> None:
    printing = Task("t", "Do it.", (Test("1", "2"),))
    assert read(a_test("1", "2"), printing) == Test("1\n", "2\n")
    assert read(block("assert f(1) == 2"), printing) is ParseFailure.NO_TEST_INPUT


@pytest.mark.parametrize(
    ("text", "opened", "name"),
    [
        (f"hm {block('x = 1')} so", True, ParseFailure.UNFINISHED_REASONING),
        (f"<think>hm {block('x = 1')} so", False, ParseFailure.UNFINISHED_REASONING),
        ("hm</think>", True, ParseFailure.NO_CODE_BLOCK),
        ("", True, ParseFailure.NO_CODE_BLOCK),
        ("so", False, ParseFailure.NO_CODE_BLOCK),
    ],
)
def test_reasoning_without_an_end_has_a_name_of_its_own(
    text: str, opened: bool, name: ParseFailure
) -> None:
    reading = ReadingRules(Reasoning(opened=opened))
    stdin = Task("s", "Do it.", (Test("1\n", "1\n"),))
    parsed = read_program(stdin, response(Role.CODER, text), reading)
    assert parsed.failure is name
    assert parsed.seen == "reasoning without </think>" or name is ParseFailure.NO_CODE_BLOCK
    other = read_test(F, response(Role.TESTER, text), reading)
    unfinished = ParseFailure.UNFINISHED_REASONING
    assert (other.failure is unfinished) == (name is unfinished)
    cut = replace(response(Role.CODER, text), stop=StopReason.LENGTH)
    assert read_program(stdin, cut, reading).failure is ParseFailure.TRUNCATED
