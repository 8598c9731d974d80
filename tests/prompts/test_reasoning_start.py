"""Where reasoning begins: what a prompt shows, and what a user says."""

from __future__ import annotations

import pytest

from sparring.config.faults import faults
from sparring.config.load import make_recipe
from sparring.errors import ConfigError
from sparring.prompts.cure import parse_program
from sparring.prompts.opening import ReasoningMode, ends_inside, reasoning_of
from sparring.prompts.rules import Reasoning
from sparring.schema import ParseFailure, StopReason

GOOD = "```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("behind", "inside"),
    [
        ("<u>{}</u><think>\n", True),
        ("<u>{}</u><think>\nOkay, let me", True),  # the template begins the reasoning as well
        ("<u>{}</u><think>\n\n</think>\n\n", False),  # thinking switched off
        ("<u>{}</u><think>a</think><think>", True),
        ("<sys>use <think></sys><u>{}</u>", False),
        ("<u>{}</u>", False),
    ],
)
def test_the_end_of_a_prompt_shows_it(behind: str, inside: bool) -> None:
    for message in ("Double n.", "What does <think> mean?"):
        prompt = behind.replace("{}", message)
        assert ends_inside("<think>", "</think>", prompt, message) == inside
        auto = reasoning_of(ReasoningMode.AUTO, "<think>", "</think>", prompt, message)
        assert auto == Reasoning(opened=inside)
        assert reasoning_of(ReasoningMode.OPEN, "<think>", "</think>", prompt, message).opened


def test_what_is_open_has_no_answer_before_its_end() -> None:
    opened = reasoning_of(ReasoningMode.OPEN, "<think>", "</think>")
    draft = f"Let me try.\n{GOOD}\nBut is"
    assert parse_program(draft, StopReason.LENGTH, opened).failure is ParseFailure.TRUNCATED
    assert parse_program(draft, StopReason.END_TOKEN, opened).source is None
    assert parse_program(f"no.</think>{GOOD}", StopReason.LENGTH, opened).source == "print(1)\n"


def test_without_reasoning_marks_are_text() -> None:
    nothing = reasoning_of(ReasoningMode.NONE, "<think>", "</think>", "<think>")
    assert parse_program(f"<think>\n{GOOD}", StopReason.END_TOKEN, nothing).source == "print(1)\n"
    assert parse_program(f"{GOOD}\n</think>", StopReason.END_TOKEN, nothing).source == "print(1)\n"


def test_a_recipe_says_it() -> None:
    prompts = make_recipe({"prompts": {"reasoning": "open"}}, (), "r").prompts
    assert prompts.reading("", "").reasoning == Reasoning(opened=True)
    with pytest.raises(ConfigError, match=r"prompts\.reasoning: input should be"):
        make_recipe({"prompts": {"reasoning": "yes"}}, (), "r")
    both = {"prompts": {"reasoning": "none", "reasoning_end": "[/THINK]"}}
    [fault] = faults(make_recipe(both, (), "r"))
    assert "prompts.reasoning_end = [/THINK] is without effect" in fault.message
