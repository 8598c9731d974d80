"""Rules by which responses are read, and the results of a reading.

Three modules read: `programs` (the code that a task asks for), `cure` (the released code's rule for
a program) and `tests` (a test on standard input). `blocks` knows fences, `reasoning` the marks of
thinking models. A reading results in a program, in a test, or in a refusal with a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sparring.schema import ParseFailure, StopReason, Test


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Marks around a thinking model's reasoning. ``opened`` is True if the reasoning began before
    the response, so that no answer stands before the mark ``end``. With empty marks, no text counts
    as reasoning."""

    start: str = "<think>"
    end: str = "</think>"
    opened: bool = False


class ProgramRule(StrEnum):
    """Rule for the block of a response that is the program."""

    TASK = "task"
    """The code that the task asks for: the block that defines its function, with the blocks that it
    needs; or the last block that is a program."""
    CURE = "cure"
    """The last block marked ``python``, whatever the task asks for: the released code's rule."""


class TestRule(StrEnum):
    """Rule for the test that counts among several in a response: by position, before any test is
    examined."""

    __test__ = False

    ONLY = "only"
    """The only test: several are refused."""
    FIRST = "first"
    LAST = "last"


class Decision(StrEnum):
    """Decision in the reading of a program. The first name in `ParsedProgram.how` is the place
    where the program stood, the others are repairs."""

    ONLY_BLOCK = "only_block"
    """The only fenced block."""
    LAST_BLOCK = "last_block"
    """The last of several blocks."""
    EARLIER_BLOCK = "earlier_block"
    """Not the last block: a usage, a session, an output or tests stand behind it."""
    WHOLE_TEXT = "whole_text"
    """Without a block, the answer as a whole is Python."""
    CODE_LINES = "code_lines"
    """No block is the program; lines of Python between lines of prose are."""
    SESSION = "session"
    """An interactive session, without its prompts and outputs."""
    LAST_MARKED = "last_marked"
    """The last block marked ``python``, by CURE's rule."""

    HELPERS = "helpers"
    """Other blocks, which define names that the program uses, were put in front."""
    UNCLOSED = "unclosed"
    """The answer ended before the program's fence was closed."""
    OTHER_MARK = "other_mark"
    """The program's block is marked as another language, but defines the function in Python."""
    LANGUAGE_LINE = "language_line"
    """A first line with nothing but the language's name was left out."""
    CODE_ON_FENCE = "code_on_fence"
    """The program's first line stood on the opening fence, behind the language."""
    DEDENTED = "dedented"
    """All lines were indented, or indented unlike their fence."""
    CHARACTERS = "characters"
    """Invisible characters, typographic quotes or HTML escapes were replaced by plain ones."""
    FENCE_INSIDE = "fence_inside"
    """A fence inside of the program (in a docstring) did not end it."""
    FENCE_ON_LINE = "fence_on_line"
    """A fence of the program stood behind text on its line."""
    STUB = "stub"
    """The only definition has no body."""
    DYNAMIC = "dynamic"
    """The function is defined by `exec` or `globals()`, so that only an execution can tell."""


def decision_names(decisions: Iterable[Decision]) -> str:
    """Return decisions in the form of `ParsedProgram.how`: ``earlier_block+helpers``."""
    return "+".join(dict.fromkeys(decisions))


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """Rules by which a role's responses are read."""

    reasoning: Reasoning = Reasoning()
    programs: ProgramRule = ProgramRule.TASK
    tests: TestRule = TestRule.FIRST


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """Program read from a response: ``source`` or ``failure``. ``how`` names the decisions that
    were made (`decision_names`); ``seen`` describes for people what stood in the program's
    place."""

    source: str | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class ParsedTest:
    """Test read from a response: ``test`` or ``failure``. ``how`` and ``seen`` are as in
    `ParsedProgram`."""

    test: Test | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


def cut_off_or(failure: ParseFailure, stop: StopReason) -> ParseFailure:
    """Return TRUNCATED for a response that was cut off, because the part that it lacks may have
    been cut off; for any other response, return the failure."""
    return ParseFailure.TRUNCATED if stop is StopReason.LENGTH else failure
