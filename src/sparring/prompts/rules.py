"""Rules by which responses are read, and what a reading gives.

Reading is done in `programs` (what a task asks for), `cure` (the released code's rule for a
program) and `tests` (a test on standard input); `blocks` knows fences, `reasoning` a thinking
model's marks. A response holds a program or a test, or a refusal with a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sparring.schema import ParseFailure, StopReason, Test


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The marks around a thinking model's reasoning. ``opened``: it began before the response,
    which has no answer before ``end``. Marks without a text: nothing is reasoning."""

    start: str = "<think>"
    end: str = "</think>"
    opened: bool = False


class ProgramRule(StrEnum):
    """Which of a response's blocks is the program."""

    TASK = "task"
    """What the task asks for: the block that defines its function, with the blocks it needs; or
    the last block that is a program."""
    CURE = "cure"
    """The last block marked ``python``, whatever the task is: the released code's rule."""


class TestRule(StrEnum):
    """Which of several tests in a response counts: by its position, before any is looked into."""

    __test__ = False

    ONLY = "only"
    """The only one: several are refused."""
    FIRST = "first"
    LAST = "last"


class Decision(StrEnum):
    """How a program was found. The first name of `ParsedProgram.how` says where it stood, the
    others what was done to it."""

    ONLY_BLOCK = "only_block"
    """The only fenced block."""
    LAST_BLOCK = "last_block"
    """The last of several blocks."""
    EARLIER_BLOCK = "earlier_block"
    """Not the last block: what stands behind it is a usage, a session, an output, tests."""
    WHOLE_TEXT = "whole_text"
    """No block; the answer as a whole is Python."""
    CODE_LINES = "code_lines"
    """No block is the program; lines of Python between lines of prose are."""
    SESSION = "session"
    """An interactive session, without its prompts and outputs."""
    LAST_MARKED = "last_marked"
    """The last block marked ``python``, by CURE's rule."""

    HELPERS = "helpers"
    """Other blocks that define names it uses were put in front."""
    UNCLOSED = "unclosed"
    """The answer ended before its fence was closed."""
    OTHER_MARK = "other_mark"
    """Its block is marked as another language, but it is Python that defines the function."""
    LANGUAGE_LINE = "language_line"
    """A first line with nothing but the language's name was left out."""
    CODE_ON_FENCE = "code_on_fence"
    """Its first line stood on the opening fence, behind the language."""
    DEDENTED = "dedented"
    """All lines were indented, or not as its fence was."""
    CHARACTERS = "characters"
    """Invisible characters, typographic quotes or HTML escapes became plain ones."""
    FENCE_INSIDE = "fence_inside"
    """A fence inside of it (in a docstring) did not end it."""
    FENCE_ON_LINE = "fence_on_line"
    """A fence of it stood behind text on its line."""
    STUB = "stub"
    """The only definition has no body."""
    DYNAMIC = "dynamic"
    """The function is defined by `exec` or `globals()`, which only a run can tell."""


def named(decisions: Iterable[Decision]) -> str:
    """Decisions as `ParsedProgram.how` has them: ``earlier_block+helpers``."""
    return "+".join(dict.fromkeys(decisions))


@dataclass(frozen=True, slots=True)
class Reading:
    """Rules by which a role's responses are read."""

    reasoning: Reasoning = Reasoning()
    programs: ProgramRule = ProgramRule.TASK
    tests: TestRule = TestRule.FIRST


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """Either ``source`` or ``failure``. ``how`` names the decisions that were taken (`named`),
    ``seen`` says for people what stood where the program was looked for."""

    source: str | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class ParsedTest:
    """Either ``test`` or ``failure``; ``how`` and ``seen`` as of a `ParsedProgram`."""

    test: Test | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


def missing(failure: ParseFailure, stop: StopReason) -> ParseFailure:
    """What is missing from a response that was cut off is missing because of that."""
    return ParseFailure.TRUNCATED if stop is StopReason.LENGTH else failure
