"""Search for the piece of an answer that is the program of a task on standard input.

A block marked as Python comes before an unmarked one, and a program that reads and writes before
one that only writes; the last of equal blocks counts. An example input, an output and a usage of a
function (``print(solve(3))``) do not read, so that none of them is taken for the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparring.prompts.joined import with_helpers
from sparring.prompts.pieces import CodePiece
from sparring.prompts.source import PythonSource


def script_piece(
    fenced: Sequence[CodePiece], unfenced: Callable[[], list[CodePiece]]
) -> tuple[CodePiece | None, Sequence[CodePiece]]:
    """Return the piece that is the program, and the pieces that it may need; None if there is none.

    The order of the search: blocks, then the text without its fences, then blocks that would run
    without writing. Such a block is a program, though a wrong one.
    """
    python = [p for p in fenced if p.source and p.is_python]
    plain = [p for p in fenced if p.source and not p.is_python and not p.is_other_language]
    for test in (_is_whole, _writes):
        for some in (python, plain):
            if piece := _last_that(some, fenced, test):
                return piece, fenced
    if not any(p.is_python for p in fenced):
        outside = unfenced()
        if piece := _last_that(outside, outside, _is_whole):
            return piece, outside
    for some in (python, plain):
        if piece := _last_that(some, fenced, _runs):
            return piece, fenced
    if piece := _last_that(python, fenced, lambda source: source.says_something):
        return piece, fenced
    return None, ()


def _last_that(
    some: Sequence[CodePiece], others: Sequence[CodePiece], test: Callable[[PythonSource], bool]
) -> CodePiece | None:
    """Return the last piece that passes a test together with the pieces that it needs. A piece that
    the text warns of is taken only if no other passes."""
    for piece in sorted(some, key=lambda p: (p.is_warned_of, -p.start)):
        text, helpers = with_helpers(piece, others)
        if any(p.source and test(p.source) for p in helpers):
            continue  # the piece only uses a program that stands by itself
        source = PythonSource(text) if helpers else piece.source
        if source is not None and test(source):
            return piece
    return None


def _is_whole(source: PythonSource) -> bool:
    return source.acts and source.reads and source.writes


def _writes(source: PythonSource) -> bool:
    return source.acts and source.writes


def _runs(source: PythonSource) -> bool:
    return source.acts or source.constructs
