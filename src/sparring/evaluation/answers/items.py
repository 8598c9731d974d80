"""One answer as its file has it, and the rule to read it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sparring.schema import Role, StopReason


class AnswerForm(StrEnum):
    """Forms of an answer's text; the form decides how the text is read."""

    RESPONSE = "response"
    """A model's whole response, read like the responses of our own models."""
    PROGRAM = "program"
    """A program, taken to the letter."""
    COMPLETION = "completion"
    """A continuation of the task's prompt, taken to the letter."""
    CODET_PROGRAM = "codet_program"
    """A continuation of the task's prompt, cut where something new begins at the margin (CodeT)."""
    CODET_TESTS = "codet_tests"
    """A continuation of ``assert``: several assertions, the last one often cut off."""


class AnswerShape(StrEnum):
    """Programs that write files of answers."""

    EVALPLUS = "EvalPlus"
    LIVECODEBENCH = "LiveCodeBench"
    CODET = "CodeT"
    OURS = "Sparring"
    ROLLOUTS = "Sparring's rollouts"


@dataclass(frozen=True, slots=True)
class Item:
    """Answer from a file. ``stop`` is the reason why sampling ended, where the file gives one."""

    role: Role
    form: AnswerForm
    text: str
    stop: StopReason = StopReason.END_TOKEN


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """Answers from a file, by the file's task ids and in the file's order.

    ``by_prompt`` says that the ids are prompts. ``notes`` are for the user.
    """

    shape: AnswerShape
    items: Mapping[str, Sequence[Item]]
    by_prompt: bool = False
    notes: Sequence[str] = field(default_factory=tuple)
