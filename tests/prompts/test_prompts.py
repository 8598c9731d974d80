"""Rendering and reading: no response is ever misread, and none breaks the parser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.errors import ConfigError, ModelError
from sparring.prompts.cure import parse_program
from sparring.prompts.render import prompt_ids, prompt_text
from sparring.prompts.rules import Reasoning, TestRule
from sparring.prompts.templates import VERSION, Templates
from sparring.prompts.tests import parse_test
from sparring.schema import ParseFailure, Role, StopReason, Task, Test, TestKind

GOOD = "**Test Input:**\n```\n3 5 -2 7\n```\nkeep: 3 n 5 y\n**Test Output:**\n```\n24\n```"

TESTS: dict[str, tuple[str, Test | ParseFailure]] = {
    "the plain form": (GOOD, Test("3 5 -2 7\n", "24\n")),
    "text around it": (f"Let me think.\n\n{GOOD}\n\nThat is it.", Test("3 5 -2 7\n", "24\n")),
    "the last pair counts": (
        GOOD + "\n" + GOOD.replace("24", "25"),
        Test("3 5 -2 7\n", "25\n"),
    ),
    "several lines, to the letter": (
        GOOD.replace("3 5 -2 7", "  2\n\na\\nb "),
        Test("  2\n\na\\nb \n", "24\n"),
    ),
    "a language on the fence": (
        GOOD.replace("```\n3", "```plaintext\n3"),
        Test("3 5 -2 7\n", "24\n"),
    ),
    "CRLF": (GOOD.replace("\n", "\r\n"), Test("3 5 -2 7\n", "24\n")),
    "headers without stars": (GOOD.replace("**", ""), Test("3 5 -2 7\n", "24\n")),
    "headers as headings": (
        GOOD.replace("**Test Input:**", "### Test Input").replace(
            "**Test Output:**", "### Test Output"
        ),
        Test("3 5 -2 7\n", "24\n"),
    ),
    "reasoning apart": (f"<think>{GOOD}</think>\n{GOOD}", Test("3 5 -2 7\n", "24\n")),
    "only reasoning": (f"<think>{GOOD}", ParseFailure.NO_TEST_INPUT),
    "nothing": ("", ParseFailure.NO_TEST_INPUT),
    "a sentence": ("I cannot write this test.", ParseFailure.NO_TEST_INPUT),
    "no output": (GOOD.split("**Test Output")[0], ParseFailure.NO_TEST_OUTPUT),
    "output before input": (
        "**Test Output:**\n```\n1\n```\n**Test Input:**\n```\n2\n```",
        ParseFailure.NO_TEST_OUTPUT,
    ),
    "an unclosed block": (GOOD[:-3], ParseFailure.UNCLOSED_BLOCK),
    "an empty input": (GOOD.replace("3 5 -2 7", " "), ParseFailure.EMPTY_BLOCK),
    "an empty output": (GOOD.replace("24", ""), ParseFailure.EMPTY_BLOCK),
    "a header inside the input": (
        GOOD.replace("3 5", "**Test Input:**\n3 5"),
        ParseFailure.NESTED_HEADER,
    ),
    "two input headers": (f"**Test Input:**\n{GOOD}", ParseFailure.NESTED_HEADER),
    "an input without a block": (
        GOOD.replace("**Test Input:**\n", "**Test Input:**\nsee below\n"),
        ParseFailure.NO_TEST_INPUT,
    ),
}


@pytest.mark.parametrize("name", TESTS)
def test_a_testers_response_is_read_or_refused_by_name(name: str) -> None:
    text, expected = TESTS[name]
    parsed = parse_test(text, rule=TestRule.LAST)
    assert (parsed.test or parsed.failure) == expected
    assert (parsed.test is None) != (parsed.failure is None)


def test_the_nested_header_hack_yields_no_empty_line() -> None:
    """The input that starts with an empty line, on which every program prints the same."""
    hack = "**Test Input:**\n```\n\n**Test Input:**\n```\n3 5\n```\n**Test Output:**\n```\n0\n```"
    assert parse_test(hack).test is None


PROGRAMS: dict[str, tuple[str, str | ParseFailure]] = {
    "marked": ("So:\n```python\nprint(1)\n```", "print(1)\n"),
    "short mark": ("```py\nprint(1)\n```", "print(1)\n"),
    "unmarked": ("```\nprint(1)\n```", "print(1)\n"),
    "the last marked block": (
        "```python\nprint(1)\n```\n```python\nprint(2)\n```\n```\noutput\n```",
        "print(2)\n",
    ),
    "another language": ("```cpp\nint main() {}\n```", ParseFailure.NO_CODE_BLOCK),
    "prose": ("The answer is to print 1.", ParseFailure.NO_CODE_BLOCK),
    "prose in a fence": ("```\nWe can not extract the code.\n```", ParseFailure.SYNTAX_ERROR),
    "empty": ("```python\n\n```", ParseFailure.EMPTY_BLOCK),
    "unclosed": ("```python\nprint(1)", ParseFailure.UNCLOSED_BLOCK),
    "a NUL": ("```python\nprint('\0')\n```", ParseFailure.SYNTAX_ERROR),
    "too deep": ("```python\n" + "(" * 5000 + "\n```", ParseFailure.SYNTAX_ERROR),
    "reasoning apart": (
        "<think>```python\nprint(0)\n```</think>```python\nprint(1)\n```",
        "print(1)\n",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_coders_response_is_read_or_refused_by_name(name: str) -> None:
    text, expected = PROGRAMS[name]
    parsed = parse_program(text)
    assert (parsed.source or parsed.failure) == expected


def test_what_was_cut_off_is_called_truncated() -> None:
    for text in ("```python\nprint(1)", "Let me think about"):
        assert parse_program(text, StopReason.LENGTH).failure is ParseFailure.TRUNCATED
    for text in (GOOD[:-3], GOOD.split("**Test Output")[0], "Let me"):
        assert parse_test(text, StopReason.LENGTH).failure is ParseFailure.TRUNCATED


PIECES = "**Test Input:**|**Test Output:**|```|```python|````|\n|1 2|<think>|</think>|\r\n|x = 1|\0"
pieces = st.sampled_from([*PIECES.split("|"), "\ud800", "Test Input:", "**"])


@given(st.lists(pieces, max_size=40).map("".join) | st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    program, test = parse_program(text), parse_test(text)
    assert (program.source is None) != (program.failure is None)
    assert (test.test is None) != (test.failure is None)
    if test.test:
        assert test.test.input.strip()
        assert "Test Input" not in test.test.input.split("\n")[0]


def test_a_megabyte_of_fences_is_read_in_one_pass() -> None:
    for text in ("```\n" * 250_000, "**Test Input:**\n" * 60_000, "`" * 1_000_000):
        parse_test(text)
        parse_program(text)


TASK = Task("t", "Print {n} {statement} {}.", (Test("1\n", "1\n"),), examples=(Test("2\n", "4\n"),))


def test_braces_in_a_statement_survive() -> None:
    filled = Templates(coder="Solve: {statement}").fill(TASK, Role.CODER)
    assert filled == "Solve: Print {n} {statement} {}."


def test_examples_are_shown_when_asked_for() -> None:
    assert "Example" not in Templates().fill(TASK, Role.TESTER)
    shown = Templates().fill(TASK, Role.CODER, examples=1)
    assert "Example input:\n```\n2\n```" in shown
    assert "Example output:\n```\n4\n```" in shown


def test_templates_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.coder: the template needs"):
        Templates(coder="Solve it")
    with pytest.raises(ConfigError, match=r"unknown placeholder \{statment\}"):
        Templates(tester="{statement} {statment}")


class Words:
    """A tokenizer of words, with or without a chat template."""

    def __init__(self, template: str | None) -> None:
        self.chat_template = template

    def apply_chat_template(self, conversation: list[dict[str, str]], **_: Any) -> str:
        return f"<user> {conversation[0]['content']} <assistant>"

    def __call__(
        self, texts: list[str], add_special_tokens: bool = True
    ) -> dict[str, list[list[int]]]:
        return {
            "input_ids": [[0] * add_special_tokens + [len(w) for w in t.split()] for t in texts]
        }


def test_the_models_own_template_or_the_plain_form_is_used() -> None:
    assert prompt_text(Words("x"), "hi") == "<user> hi <assistant>"
    assert prompt_text(Words(None), "hi") == "hi\n\nAnswer:\n"
    assert prompt_ids(Words("x"), [prompt_text(Words("x"), "hi")], 9, ["t"]) == [(6, 2, 11)]
    assert prompt_ids(Words(None), [prompt_text(Words(None), "hi")], 9, ["t"]) == [(0, 2, 7)]


def test_a_prompt_is_never_cut() -> None:
    with pytest.raises(ModelError, match=r"task t: its prompt has 3 tokens"):
        prompt_ids(Words("x"), [prompt_text(Words("x"), "hi")], 2, ["t"])


def test_reasoning_is_no_answer() -> None:
    block = "```python\nprint(1)\n```"
    assert parse_program(f"<think>{block}</think>{block}").source == "print(1)\n"
    assert parse_program(f"<think>{block}").source is None
    # the prompt has opened the reasoning: without its end there is no answer
    inside = Reasoning(opened=True)
    assert parse_program(block, StopReason.LENGTH, inside).failure is ParseFailure.TRUNCATED
    assert parse_program(f"so {block}</think>{block}", reasoning=inside).source == "print(1)\n"
    own = Reasoning("[[", "]]")
    assert parse_program(f"[[{block}]]", reasoning=own).source is None


def test_template_options_reach_the_template() -> None:
    class Switched(Words):
        def apply_chat_template(self, conversation: Any, **options: Any) -> str:
            return f"{conversation[0]['content']} {options.get('enable_thinking')}"

    assert prompt_text(Switched("x"), "hi", {"enable_thinking": False}) == "hi False"
    with pytest.raises(
        ModelError, match="add_generation_prompt is not an option of the template's own"
    ):
        prompt_text(Switched("x"), "hi", {"add_generation_prompt": False})


def test_a_template_that_loses_the_message_or_falls_over_is_refused() -> None:
    class Deaf(Words):
        def apply_chat_template(self, conversation: Any, **options: Any) -> str:
            return "<user>hello<assistant>"

    class Broken(Words):
        def apply_chat_template(self, conversation: Any, **options: Any) -> str:
            raise ZeroDivisionError("at the template's line 3")

    with pytest.raises(ModelError, match="leaves out"):
        prompt_text(Deaf("x"), "the task")
    with pytest.raises(ModelError, match="ZeroDivisionError: at the template's line 3"):
        prompt_text(Broken("x"), "the task")


CALL = Task(
    "t",
    "The statement with {braces}.",
    tests=(Test("", "", TestKind.SCRIPT),),
    examples=(
        Test(values.encode(([[1, 2], "a"], {"key": None})), values.encode({3}), TestKind.CALL),
        Test("hidden script", "", TestKind.SCRIPT),
    ),
    entry_point="f",
)


def test_a_function_task_has_templates_of_its_own() -> None:
    coder, tester = (Templates().fill(CALL, role, examples=2) for role in Role)
    for text in (coder, tester):
        assert "The statement with {braces}." in text
        assert "Example:\n```python\nassert f([1, 2], 'a', key=None) == {3}\n```" in text
        assert "hidden" not in text
        assert "standard input" not in text
        assert "{function}" not in text
    assert "`f`" in coder
    assert "`f`" in tester
    method = Templates().fill(replace(CALL, entry_point="Solution.f"), Role.TESTER)
    assert "`Solution().f`" in method
    own = Templates(coder_function="{function}: {statement}", tester_function="{statement}")
    assert own.fill(CALL, Role.CODER) == "f: The statement with {braces}."
    assert own.fill(TASK, Role.CODER) == Templates().fill(TASK, Role.CODER)


def test_a_derivation_is_asked_for_where_the_recipe_wants_one() -> None:
    for task in (TASK, CALL):
        for role in Role:
            plain, asked = (Templates(derivation=on).fill(task, role) for on in (False, True))
            assert "{derivation}" not in plain + asked
            assert asked.count("first") > plain.count("first")
            assert len(asked) > len(plain)
    with pytest.raises(ConfigError, match=r"prompts\.derivation: no template has .derivation."):
        Templates(*(["{statement}"] * 4), derivation=True)
    assert Templates(coder="{derivation}{statement}", derivation=True).fill(TASK, Role.CODER)


def test_a_record_can_say_by_which_templates_was_asked() -> None:
    assert Templates().version == Templates(derivation=True).version == VERSION
    own = Templates(coder="Solve: {statement}")
    assert own.version == Templates(coder="Solve: {statement}").version
    assert own.version not in (VERSION, Templates(tester="Solve: {statement}").version)


def test_templates_of_function_tasks_are_checked_as_the_others() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.tester_function: the template needs"):
        Templates(tester_function="{function}")
    with pytest.raises(
        ConfigError, match=r"prompts.coder: unknown .*function.*; there are .statem"
    ):
        Templates(coder="{statement} {function}")
    with pytest.raises(ConfigError, match=r"examples.* and .function"):
        Templates(coder_function="{statement} {call}")
