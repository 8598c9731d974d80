"""The place where a response's reasoning begins: in the response, or before it.

A chat template may end the prompt inside of reasoning. The response then has no start mark. For a
model in this process the prompt shows that. A server renders the prompt out of sight, so that its
user has to set the mode.
"""

from __future__ import annotations

from enum import StrEnum

from sparring.prompts.rules import Reasoning


class ReasoningMode(StrEnum):
    """Place where a model's reasoning begins."""

    AUTO = "auto"
    """The place that the prompt shows. For a server, whose prompt cannot be seen: the response."""
    OPEN = "open"
    """Before the response: a response without the end mark is unfinished, and has no answer."""
    NONE = "none"
    """Nowhere: marks in a response are plain text."""


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
"""Marks of reasoning that families of models write."""


def begun_with(text: str, reasoning: Reasoning) -> Reasoning:
    """Return the marks to look for in a response. If the usual marks are set and the response
    begins with the marks of another family, the marks of that family are returned, because drafts
    must not be read as answers."""
    if (reasoning.start, reasoning.end) != (USUAL.start, USUAL.end) or reasoning.opened:
        return reasoning
    beginning = text.lstrip()
    return next((marks for marks in FAMILIES if beginning.startswith(marks.start)), reasoning)


def reasoning_of(
    mode: ReasoningMode, start: str, end: str, prompt: str = "", message: str = ""
) -> Reasoning:
    """Return the marks of the responses to ``prompt``, the whole text that the model receives, in
    which ``message`` is the user's message."""
    if mode is ReasoningMode.NONE:
        return Reasoning("", "")
    opened = mode is ReasoningMode.OPEN or ends_inside(start, end, prompt, message)
    return Reasoning(start, end, opened)


def ends_inside(start: str, end: str, prompt: str, message: str = "") -> bool:
    """Return True if a prompt ends inside of reasoning: behind the message, a start mark stands
    without an end mark after it."""
    after_message = prompt.rpartition(message.strip())[2] if message.strip() else prompt
    last = after_message.rfind(start)
    return last >= 0 and end not in after_message[last + len(start) :]
