"""A piece of an answer, with the other pieces that it needs put in front.

A piece that uses a name without defining it needs another piece that binds the name: a helper in a
block of its own, or imports in an earlier block. An earlier piece is preferred to a later one. A
later piece is taken only if it does nothing but define.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.prompts.pieces import CodePiece
from sparring.prompts.source import compiles


def with_helpers(piece: CodePiece, others: Sequence[CodePiece]) -> tuple[str, list[CodePiece]]:
    """Return the source of a piece, joined with the pieces that it needs, and a list of these
    pieces. If the joined source is not valid Python, the piece stands alone."""
    assert piece.source is not None
    may = [p for p in others if p.source and p.start != piece.start and not p.is_other_language]
    chosen: dict[int, CodePiece] = {}
    needed = sorted(piece.source.needed) if may else []
    bound = set(piece.source.defined)
    while needed:
        name = needed.pop(0)
        helper = None if name in bound else _binding(name, piece, may)
        if helper is None or helper.source is None:
            continue
        chosen[helper.start] = helper
        bound |= helper.source.defined
        needed += sorted(helper.source.needed - bound)
    helpers = [helper for _, helper in sorted(chosen.items())]
    text = _future_first([p.source.text for p in (*helpers, piece) if p.source])
    return (text, helpers) if helpers and compiles(text) else (piece.source.text, [])


def _future_first(texts: list[str]) -> str:
    """Return the sources as one text, with the imports from ``__future__`` first, as Python
    demands."""
    if len(texts) == 1 or not any("__future__" in text for text in texts):
        return "\n".join(texts)
    lines = "\n".join(texts).split("\n")
    future = [line for line in lines if line.startswith("from __future__ import ")]
    return "\n".join([*dict.fromkeys(future), *[x for x in lines if x not in future]])


def _binding(name: str, piece: CodePiece, others: Sequence[CodePiece]) -> CodePiece | None:
    """Return the last piece before this one that binds a name, else the first piece behind it."""
    before = [p for p in others if p.start < piece.start and p.source and name in p.source.binds]
    if before:
        return before[-1]
    later = [
        p
        for p in others
        if p.start > piece.start and p.source and name in p.source.binds and not p.source.acts
    ]
    return later[0] if later else None
