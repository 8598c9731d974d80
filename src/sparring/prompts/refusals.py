"""Refusals of answers without a program: the refusal's name, and a description for people."""

from __future__ import annotations

import re

from sparring.prompts.blocks import OTHER_LANGUAGES, PYTHON, FencedBlock, blocks, language
from sparring.prompts.mend import source_of
from sparring.prompts.pieces import CodePiece, is_excerpt
from sparring.prompts.rules import Decision, ParsedProgram, cut_off_or
from sparring.prompts.source import Definition, PythonSource, fault
from sparring.schema import ParseFailure, StopReason

_SHOWN = 8
"""Number of blocks that are described."""
_INPUT = re.compile(r"\binput\s*\(|\bstdin\b|\bopen\s*\(\s*0")
_OUTPUT = re.compile(r"\bprint\s*\(|\bstdout\b")


def refused(
    lines: list[str],
    entry_point: str | None,
    stop: StopReason,
    failure: ParseFailure | None = None,
) -> ParsedProgram:
    """Return the refusal of an answer. It follows from the block that was most likely meant as the
    program."""
    answer_blocks = blocks(lines)
    what = cut_off_or(failure, stop) if failure else _failure(answer_blocks, entry_point, stop)
    return ParsedProgram(None, what, seen=_description(lines, answer_blocks, entry_point))


def later_attempt_failure(
    lines: list[str], chosen: CodePiece, entry_point: str | None, stop: StopReason
) -> ParseFailure | None:
    """Return the reason why a chosen piece does not count, or None: a later attempt at the program
    is broken or cut off, or the piece itself was cut off."""
    end = len(lines) if chosen.end is None else chosen.end
    if chosen.end is None and stop is StopReason.LENGTH:
        return ParseFailure.TRUNCATED
    # The text behind the piece is paired anew, so that a fence inside of the piece turns nothing
    # inside out.
    first_line = 0 if _is_outside(chosen) else end + 1
    for block in blocks(lines[first_line:]):
        if first_line + block.start < end or not _attempts(block, entry_point):
            continue
        if block.end is None and stop is StopReason.LENGTH:
            return ParseFailure.TRUNCATED
        closed = block.end is not None
        if _source_in(block) is None and not is_excerpt(block.lines, closed, chosen.lines):
            return ParseFailure.SYNTAX_ERROR if closed else ParseFailure.UNCLOSED_BLOCK
    return None


def _is_outside(chosen: CodePiece) -> bool:
    """Return True if a piece stands outside of fences, in lines that may be numbered otherwise."""
    return chosen.decisions[:1] in ((Decision.CODE_LINES,), (Decision.WHOLE_TEXT,))


def _attempts(block: FencedBlock, entry_point: str | None) -> bool:
    """Return True if a block looks like the program, Python or not."""
    if language(block.info) in OTHER_LANGUAGES:
        return False
    text = "\n".join(block.lines)
    if entry_point is None:
        return bool(_INPUT.search(text) and _OUTPUT.search(text))
    return bool(_head(entry_point).search(text))


def _head(entry_point: str) -> re.Pattern[str]:
    """Return a pattern for the head of a definition of the function, in a text that need not be
    Python."""
    name, _, method = entry_point.partition(".")
    what = rf"class\s+{re.escape(name)}\b" if method else rf"def\s+{re.escape(name)}\s*\("
    return re.compile(rf"^[ \t]*(?:async\s+)?{what}", re.MULTILINE)


def _failure(
    answer_blocks: list[FencedBlock], entry_point: str | None, stop: StopReason
) -> ParseFailure:
    marked = [b for b in answer_blocks if language(b.info) in PYTHON]
    plain = [b for b in answer_blocks if language(b.info) not in {*OTHER_LANGUAGES, *PYTHON}]
    some = marked or plain
    if entry_point is not None:
        some = [b for b in [*plain, *marked] if _attempts(b, entry_point)] or some
    if not some:
        return cut_off_or(ParseFailure.NO_CODE_BLOCK, stop)
    block = some[-1]
    if block.end is None:
        return cut_off_or(ParseFailure.UNCLOSED_BLOCK, stop)
    if not "".join(block.lines).strip():
        return ParseFailure.EMPTY_BLOCK
    if _source_in(block) is None:
        return ParseFailure.SYNTAX_ERROR
    absent = ParseFailure.NO_CODE_BLOCK if entry_point is None else ParseFailure.NO_FUNCTION
    return cut_off_or(absent, stop)


def _source_in(block: FencedBlock) -> PythonSource | None:
    mended = source_of(block.lines, block.lines, block.info)
    return mended[0] if mended else None


def _description(lines: list[str], every: list[FencedBlock], entry_point: str | None) -> str:
    """Return a description such as ``3 blocks: bash, unmarked (defines g), python (line 4: invalid
    syntax)``."""
    if not every:
        count = sum(bool(line.strip()) for line in lines)
        return f"no block, {count} line{'s' * (count != 1)} of text"
    shown = [_described(b, entry_point) for b in every[-_SHOWN:]]
    more = ["…"] if len(every) > _SHOWN else []
    return f"{len(every)} block{'s' * (len(every) > 1)}: {', '.join([*more, *shown])}"


def _described(block: FencedBlock, entry_point: str | None) -> str:
    mark = language(block.info) or "unmarked"
    remarks = [] if block.end is not None else ["unclosed"]
    if not "".join(block.lines).strip():
        remarks.append("empty")
    elif mark not in OTHER_LANGUAGES:
        remarks += _remark(block, entry_point)
    return f"{mark} ({', '.join(remarks)})" if remarks else mark


def _remark(block: FencedBlock, entry_point: str | None) -> list[str]:
    source = _source_in(block)
    if source is None:
        error = fault("\n".join(block.lines) + "\n")
        if error is None:
            return []
        return [f"line {error.lineno}: {error.msg}" if error.lineno else error.msg]
    if entry_point is None:
        return [] if source.says_something else ["no statement"]
    if source.definition(entry_point) is not Definition.NONE:
        return []
    names = sorted(n for n in source.defined if not n.startswith("_"))
    if not names:
        return ["defines nothing"]
    within = f", {entry_point} in a class" if source.has_method(entry_point) else ""
    return [f"defines {', '.join(names[:4])}{within}"]
