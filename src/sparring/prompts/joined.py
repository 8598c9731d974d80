"""A piece of an answer with the other pieces that it needs in front.

It needs a piece that binds a name which it uses and does not have: a helper in a block of its
own, imports that stand in an earlier block. An earlier piece comes before a later one; a later
one is taken only if it does nothing but define.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.prompts.pieces import Piece


def joined(piece: Piece, others: Sequence[Piece]) -> tuple[str, bool]:
    """The source of a piece with what it needs, and whether it needed any other."""
    assert piece.source is not None
    may = [p for p in others if p.source and p.start != piece.start and not p.is_foreign]
    taken: dict[int, Piece] = {}
    wanted = set(piece.source.needed)
    had = set(piece.source.defined)
    while wanted:
        name = wanted.pop()
        helper = _binding(name, piece, may)
        if name in had or helper is None or helper.source is None:
            continue
        taken[helper.start] = helper
        had |= helper.source.defined
        wanted |= helper.source.needed - had
    parts = [p.source.text for _, p in sorted(taken.items()) if p.source]
    return "\n".join([*parts, piece.source.text]), bool(parts)


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
