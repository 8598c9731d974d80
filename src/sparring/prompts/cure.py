"""The released code's rule for a program, to the letter: the last block marked ``python``.

Without a marked block, the last unmarked block is taken; the released code reads no unmarked block.
Fences must have the form that the code's prompt asks for: an indentation of at most three blanks,
and one word behind the opening fence. `programs` reads the other forms that models write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparring.prompts.reasoning import answer_of
from sparring.prompts.rules import Decision, ParsedProgram, Reasoning, cut_off_or
from sparring.prompts.source import compiles
from sparring.schema import ParseFailure, StopReason

_FENCE = re.compile(r"^[ ]{0,3}(`{3,})[ \t]*([\w+-]*)[ \t]*$")
_PYTHON = ("python", "py", "python3")
_USUAL = Reasoning()


@dataclass(frozen=True, slots=True)
class _Block:
    """Fenced block: its language and its lines. ``closed`` is True if it has a closing fence."""

    language: str
    lines: list[str]
    closed: bool


def parse_program(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning = _USUAL
) -> ParsedProgram:
    """Return the program in a coder's response, by CURE's rule, or the refusal."""
    blocks = _blocks(answer_of(text, reasoning, stop).split("\n"))
    marked = [b for b in blocks if b.language.lower() in _PYTHON]
    chosen = (marked or [b for b in blocks if not b.language])[-1:]
    if not chosen:
        return ParsedProgram(
            None, cut_off_or(ParseFailure.NO_CODE_BLOCK, stop), seen=_description(blocks)
        )
    block = chosen[0]
    if not block.closed:
        return ParsedProgram(
            None, cut_off_or(ParseFailure.UNCLOSED_BLOCK, stop), seen=_description(blocks)
        )
    source = "\n".join(block.lines) + "\n"
    if not source.strip():
        return ParsedProgram(None, ParseFailure.EMPTY_BLOCK, seen=_description(blocks))
    if not compiles(source):
        return ParsedProgram(None, ParseFailure.SYNTAX_ERROR, seen=_description(blocks))
    return ParsedProgram(source, how=Decision.LAST_MARKED)


def _blocks(lines: list[str]) -> list[_Block]:
    """Return the fenced blocks in order. A fence closes a block if it has at least as many
    backticks as the opening one."""
    blocks: list[_Block] = []
    opened: tuple[int, int, str] | None = None
    for i, line in enumerate(lines):
        match = _FENCE.match(line.rstrip("\r"))
        if match is None:
            continue
        if opened is None:
            opened = (i, len(match[1]), match[2])
        elif not match[2] and len(match[1]) >= opened[1]:
            blocks.append(_Block(opened[2], lines[opened[0] + 1 : i], True))
            opened = None
    if opened is not None:
        blocks.append(_Block(opened[2], lines[opened[0] + 1 :], False))
    return blocks


def _description(blocks: list[_Block]) -> str:
    """Return a description such as ``2 blocks: python, unmarked (unclosed)``."""
    if not blocks:
        return "no block"
    marks = [(b.language or "unmarked") + ("" if b.closed else " (unclosed)") for b in blocks]
    shown = [*marks[:6], *(["…"] if len(marks) > 6 else [])]
    return f"{len(blocks)} block{'s' * (len(blocks) > 1)}: {', '.join(shown)}"
