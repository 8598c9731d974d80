"""Python between fences, whichever fences belong together.

CommonMark pairs fences from the top, so that one stray fence turns everything below it inside out.
Here each fence may open a block, and the block ends at the first later fence at which its lines are
Python. A fence in a docstring therefore ends nothing. Prose between two blocks is no block, because
prose is not Python; the few words that parse (``Done``) are recognised by
`PythonSource.says_something`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sparring.prompts.blocks import OTHER_LANGUAGES, PYTHON, Fence, dedented_lines, fences, language
from sparring.prompts.mend import Mended, source_of, to_the_letter
from sparring.prompts.rules import Decision
from sparring.prompts.source import PythonSource

_FENCES = 400
"""Number of fences that are looked at, counted from the end of an answer."""
_ENDS = 6
"""Number of fences behind an opening one at which its block may end."""
_ON_LINE = re.compile(
    r"^(?P<before>[^`]*[^`\s])[ \t]*(?P<marks>`{3,})[ \t]*(?P<info>py[\w.]*)?\s*$", re.I
)
_WARNING = re.compile(
    r"\b(?:do not|don['’]t|never) (?:do|use|write|try)\b.*:\W*$|\bcommon mistakes?\b|"
    r"\b(?:wrong|incorrect|buggy|faulty|broken) (?:way|code|version|solution|implementation|"
    r"program|approach|attempt|answer|example)\b.*:\W*$|^\W*(?:wrong|incorrect|bad|buggy)\W*$",
    re.IGNORECASE,
)
_MENDING = re.compile(
    r"\b(?:fix\w*|correct\w*|instead|rather|should|right|better|improv\w*|so|now|here|above|"
    r"previous\w*|earlier|original|first|last|without|avoid\w*)\b",
    re.IGNORECASE,
)
"""Words of a line that mentions something wrong and then leads to what is right."""
_END_TICKS = re.compile(r"^(?P<code>[^`]*[^`\s])[ \t]*`{3,}\s*$")


@dataclass(frozen=True, slots=True)
class CodePiece:
    """Lines between a fence and a later fence. ``source`` is None if they are not Python; ``end``
    is None if the answer ended first."""

    language: str
    lines: list[str]
    start: int
    end: int | None
    source: PythonSource | None = None
    decisions: tuple[Decision, ...] = ()
    before: str = ""
    """Last line of text before the fence."""

    @property
    def is_warned_of(self) -> bool:
        """True if the text before the piece calls it wrong: ``Don't do this:``."""
        return bool(_WARNING.search(self.before)) and not _MENDING.search(self.before)

    @property
    def is_python(self) -> bool:
        """True if the piece is marked as Python."""
        return self.language in PYTHON

    @property
    def is_other_language(self) -> bool:
        """True if the piece is marked as another language, a shell or data."""
        return self.language in OTHER_LANGUAGES

    def quotes(self, other: CodePiece) -> bool:
        """Return True if the piece is an excerpt: the other piece has all its lines, and more. The
        last line of an unclosed piece may be incomplete."""
        return is_excerpt(self.lines, self.end is not None, other.lines, less=True)


def is_excerpt(lines: list[str], closed: bool, complete: list[str], *, less: bool = False) -> bool:
    """Return True if the lines stand, in order, among the lines ``complete``. With ``less``,
    ``complete`` must also hold more text."""
    own = [line.strip() for line in lines if line.strip()]
    all_ = [line.strip() for line in complete if line.strip()]
    rest = iter(all_)
    full, last = (own, None) if closed else (own[:-1], own[-1] if own else None)
    if not all(line in rest for line in full):
        return False
    if last is not None and not any(line.startswith(last) for line in rest):
        return False
    return not less or len(own) < len(all_) or (last is not None and own != all_)


def pieces(lines: list[str]) -> list[CodePiece]:
    """Return the pieces between fences, in order. Pieces that are Python do not overlap."""
    openings = sorted([*fences(lines), *_on_line(lines)], key=lambda f: f.line)[-_FENCES:]
    in_order = []
    i = 0
    while i < len(openings):
        opening, later_fences = openings[i], openings[i + 1 :]
        on_line = _is_on_line(opening, lines)
        closings = [f for f in later_fences if opening.closed_by(f) and not _is_on_line(f, lines)]
        fence_behind = next((f.line for f in later_fences if not _is_on_line(f, lines)), len(lines))
        piece = _piece(lines, opening, closings[:_ENDS], fence_behind)
        if on_line and (piece.source is None or not piece.source.says_something):
            i += 1
            continue
        if on_line:
            piece = replace(piece, decisions=(*piece.decisions, Decision.FENCE_ON_LINE))
        in_order.append(replace(piece, before=_before(lines, opening)))
        i = _next_opening(openings, i, piece)
    return in_order


def _before(lines: list[str], opening: Fence) -> str:
    """Return the text before a fence: on its line, or on the last line that is not blank."""
    if _is_on_line(opening, lines):
        return lines[opening.line]
    return next((line for line in reversed(lines[: opening.line]) if line.strip()), "")


def _piece(lines: list[str], opening: Fence, closings: list[Fence], limit: int) -> CodePiece:
    """Return the piece that a fence opens. ``limit`` is the line of the next fence."""
    for k, closing in enumerate(closings):
        if mended := _source_between(lines, opening, closing.line, mend=k == 0):
            inside = (Decision.FENCE_INSIDE,) if k else ()
            return _piece_of(lines, opening, closing.line, mended, inside)
    for i in [i for i in range(opening.line + 1, limit) if _END_TICKS.match(lines[i])][:_ENDS]:
        match = _END_TICKS.match(lines[i])
        assert match is not None
        cut = [*lines[:i], match["code"]]
        if mended := _source_between(cut, opening, i + 1, mend=True):
            return _piece_of(cut, opening, i, mended, (Decision.FENCE_ON_LINE,))
    end = next((c.line for c in closings if c.bare), None)
    # The block may reach the end of the answer, with all fences inside of string literals.
    if closings and (mended := _source_between(lines, opening, len(lines), mend=False)):
        return _piece_of(lines, opening, None, mended, (Decision.FENCE_INSIDE, Decision.UNCLOSED))
    if closings:
        inside_lines = lines[opening.line + 1 : closings[0].line if end is None else end]
        return CodePiece(language(opening.info), inside_lines, opening.line, end)
    if mended := _source_between(lines, opening, len(lines), mend=True):
        return _piece_of(lines, opening, None, mended, (Decision.UNCLOSED,))
    return CodePiece(language(opening.info), lines[opening.line + 1 :], opening.line, None)


def _source_between(lines: list[str], opening: Fence, end: int, *, mend: bool) -> Mended | None:
    raw = lines[opening.line + 1 : end]
    inside = dedented_lines(raw, opening.lead)
    if mend:
        return source_of(inside, raw, opening.info)
    source = to_the_letter(inside)
    return (source, ()) if source else None


def _piece_of(
    lines: list[str], opening: Fence, end: int | None, mended: Mended, more: tuple[Decision, ...]
) -> CodePiece:
    source, decisions = mended
    inside = source.text.split("\n")
    return CodePiece(language(opening.info), inside, opening.line, end, source, (*decisions, *more))


def _next_opening(openings: list[Fence], i: int, piece: CodePiece) -> int:
    """Return the fence to look at after this one. The closing fence of a block opens no other if it
    certainly closes: the block is Python, or its opening fence names a language."""
    if piece.source is not None and piece.source.says_something:
        if piece.end is None:
            return len(openings)
        return next(
            (k for k in range(i + 1, len(openings)) if openings[k].line > piece.end
             or (openings[k].line == piece.end and not openings[k].bare)),
            len(openings),
        )  # fmt: skip
    certain = bool(piece.language) and i + 1 < len(openings) and openings[i + 1].line == piece.end
    return i + 2 if certain else i + 1


def _on_line(lines: list[str]) -> Iterator[Fence]:
    """Yield the fences behind text on their line. Such a fence opens a block if Python follows."""
    for i, text in enumerate(lines):
        if "```" in text and (match := _ON_LINE.match(text)) and match["before"].strip(" \t>-*+"):
            yield Fence(i, "", match["marks"], match["info"] or "")


def _is_on_line(fence: Fence, lines: list[str]) -> bool:
    return not fence.lead and not lines[fence.line].lstrip("\\").startswith(fence.marks[0])
