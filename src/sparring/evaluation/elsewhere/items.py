"""One answer as its file has it, and how it is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sparring.schema import Role, StopReason


class Form(StrEnum):
    """What a text is, which says how it is read."""

    RESPONSE = "response"
    """What a model said: read as our own responses are."""
    PROGRAM = "program"
    """A program to the letter."""
    COMPLETION = "completion"
    """What follows the task's prompt, to the letter."""
    CODET_PROGRAM = "codet_program"
    """The same, up to where something new begins at the margin (CodeT's rule)."""
    CODET_TESTS = "codet_tests"
    """What follows ``assert``: several assertions, the last often cut off."""


class Shape(StrEnum):
    """Who writes such files."""

    EVALPLUS = "EvalPlus"
    LIVECODEBENCH = "LiveCodeBench"
    CODET = "CodeT"
    OURS = "Sparring"


@dataclass(frozen=True, slots=True)
class Item:
    """An answer. ``stop`` is how sampling ended, where the file says so."""

    role: Role
    form: Form
    text: str
    stop: StopReason = StopReason.END_TOKEN


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """What a file holds: answers by the id that it gives their task, in its order. ``by_prompt``:
    the ids are prompts. ``notes`` say what a reader should know."""

    shape: Shape
    items: Mapping[str, Sequence[Item]]
    by_prompt: bool = False
    notes: Sequence[str] = field(default_factory=tuple)
