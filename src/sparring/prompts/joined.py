"""A piece of an answer with the other pieces that it needs in front.

It needs a piece that binds a name which it uses and does not have: a helper in a block of its
own, imports that stand in an earlier block. An earlier piece comes before a later one; a later
one is taken only if it does nothing but define.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.prompts.pieces import Piece
from sparring.prompts.source import compiles


def joined(piece: Piece, others: Sequence[Piece]) -> tuple[str, list[Piece]]:
    """The source of a piece with what it needs, and the pieces that it needed. Together they are
    Python, or the piece stands alone."""
    assert piece.source is not None
    may = [p for p in others if p.source and p.start != piece.start and not p.is_foreign]
    taken: dict[int, Piece] = {}
    wanted = sorted(piece.source.needed) if may else []
    had = set(piece.source.defined)
    while wanted:
        name = wanted.pop(0)
        helper = None if name in had else _binding(name, piece, may)
        if helper is None or helper.source is None:
            continue
        taken[helper.start] = helper
        had |= helper.source.defined
        wanted += sorted(helper.source.needed - had)
    helpers = [helper for _, helper in sorted(taken.items())]
    text = _future_first([p.source.text for p in (*helpers, piece) if p.source])
    return (text, helpers) if helpers and compiles(text) else (piece.source.text, [])


def _future_first(texts: list[str]) -> str:
    """Sources as one, imports from ``__future__`` in front, where Python wants them."""
    if len(texts) == 1 or not any("__future__" in text for text in texts):
        return "\n".join(texts)
    lines = "\n".join(texts).split("\n")
    future = [line for line in lines if line.startswith("from __future__ import ")]
    return "\n".join([*dict.fromkeys(future), *[x for x in lines if x not in future]])


def _binding(name: str, piece: Piece, others: Sequence[Piece]) -> Piece | None:
    """The last piece before this one that binds a name, else the first behind it."""
    before = [p for p in others if p.start < piece.start and p.source and name in p.source.binds]
    if before:
        return before[-1]
    behind = [
        p
        for p in others
        if p.start > piece.start and p.source and name in p.source.binds and not p.source.acts
    ]
    return behind[0] if behind else None
