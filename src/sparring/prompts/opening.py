"""Where a response's reasoning begins: in the response, or before it.

A chat template may end the prompt inside reasoning, which then has no start
mark in the response. In this process the prompt shows it. A server renders
the prompt out of sight, so that its user has to say it.
"""

from __future__ import annotations

from enum import StrEnum

from sparring.prompts.rules import Reasoning


class ReasoningMode(StrEnum):
    """Where a model's reasoning begins."""

    AUTO = "auto"
    """Where the prompt shows it; of a server's, whose prompt nobody sees, in the response."""
    OPEN = "open"
    """Before the response: one without the end mark is unfinished, and has no answer."""
    NONE = "none"
    """Nowhere: marks in a response are text."""


USUAL = Reasoning()
FAMILIES = (
    USUAL,
    Reasoning("[THINK]", "[/THINK]"),
    Reasoning("<|channel|>analysis", "<|channel|>final<|message|>"),
    Reasoning("<thinking>", "</thinking>"),
    Reasoning("<thought>", "</thought>"),
    Reasoning("<reasoning>", "</reasoning>"),
    Reasoning("<seed:think>", "</seed:think>"),
    Reasoning("◁think▷", "◁/think▷"),
    Reasoning("<|begin_of_thought|>", "<|end_of_thought|>"),
    Reasoning("<|START_THINKING|>", "<|END_THINKING|>"),
)
"""Marks of reasoning that model families write."""


def begun_with(text: str, reasoning: Reasoning) -> Reasoning:
    """The marks of a response. Where the usual ones are looked for, and it begins with another
    family's, those are: its drafts must not be read."""
    if (reasoning.start, reasoning.end) != (USUAL.start, USUAL.end) or reasoning.opened:
        return reasoning
    begin = text.lstrip()
    return next((marks for marks in FAMILIES if begin.startswith(marks.start)), reasoning)


def reasoning_of(
    mode: ReasoningMode, start: str, end: str, prompt: str = "", message: str = ""
) -> Reasoning:
    """The marks of responses to ``prompt``, the whole text that the model gets, in which
    ``message`` is the user's."""
    if mode is ReasoningMode.NONE:
        return Reasoning("", "")
    opened = mode is ReasoningMode.OPEN or ends_inside(start, end, prompt, message)
    return Reasoning(start, end, opened)


def ends_inside(start: str, end: str, prompt: str, message: str = "") -> bool:
    """Whether a prompt ends inside of reasoning: behind the message there is a start mark, and no
    end mark after it."""
    behind = prompt.rpartition(message.strip())[2] if message.strip() else prompt
    last = behind.rfind(start)
    return last >= 0 and end not in behind[last + len(start) :]
