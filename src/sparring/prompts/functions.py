"""Search for the piece of an answer that defines the function which a task asks for.

The best kind of definition counts (`Definition`); among equal ones, the last. A model that writes a
function twice corrects it or offers an alternative, and ends with the last. Three pieces do not
count: an excerpt of an earlier definition, as explanations quote it; a definition with parts left
out (``# rest as before``); and a definition that the text before it warns of (``Don't do this:``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sparring.prompts.joined import with_helpers
from sparring.prompts.mend import session
from sparring.prompts.pieces import CodePiece
from sparring.prompts.rules import Decision
from sparring.prompts.source import Definition, PythonSource

_NAMES = {Definition.STUB: Decision.STUB, Definition.DYNAMIC: Decision.DYNAMIC}

_OUTSIDE = {Decision.CODE_LINES, Decision.WHOLE_TEXT}


def defining_piece(
    fenced: Sequence[CodePiece], unfenced: Callable[[], list[CodePiece]], entry_point: str
) -> tuple[CodePiece | None, Sequence[CodePiece]]:
    """Return the piece that defines the function, and the pieces that it may need; None if no piece
    defines it.

    The order of the search: blocks, interactive sessions, the text without its fences. A complete
    definition in the text comes before a definition of a lower kind in a block.
    """
    best: tuple[Definition, CodePiece, Sequence[CodePiece]] | None = None
    looked_for: tuple[Callable[[], Sequence[CodePiece]], ...] = (
        lambda: fenced,
        lambda: _sessions(fenced),
        unfenced,
    )
    for pieces_of in looked_for:
        candidates = pieces_of()
        definition, piece = _best(candidates, entry_point)
        if piece is not None and (best is None or definition > best[0]):
            best = (definition, piece, candidates)
        if best is not None and best[0] >= Definition.ASSIGNED:
            break
    if best is None:
        return None, ()
    definition, piece, candidates = best
    return _with(piece, _NAMES.get(definition)), candidates


def _best(candidates: Sequence[CodePiece], entry_point: str) -> tuple[Definition, CodePiece | None]:
    """Return the best kind of definition among pieces, and the last piece of that kind."""
    definitions = [(_definition(p, candidates, entry_point), p) for p in candidates]
    best = max((d for d, _ in definitions), default=Definition.NONE)
    if best is Definition.NONE:
        return best, None
    pool = [p for d, p in definitions if d is best]
    if own := [p for p in pool if not p.is_other_language]:
        pool = own
    elif best is not Definition.DEFINED:
        return Definition.NONE, None
    else:
        pool = [_with(p, Decision.OTHER_MARK) for p in pool]
    not_quoted = [p for p in pool if not any(p.quotes(q) for q in pool if q.start < p.start)]
    not_quoted = [p for p in not_quoted if p.source and not p.source.leaves_out] or not_quoted
    not_quoted = [p for p in not_quoted if not p.is_warned_of] or not_quoted
    return best, not_quoted[-1]


def _definition(piece: CodePiece, candidates: Sequence[CodePiece], entry_point: str) -> Definition:
    """Return the way in which a piece defines the function. An assignment of a name that nothing
    defines (``add = plus``) is no definition. Neither is any assignment outside of fences."""
    if piece.source is None:
        return Definition.NONE
    definition = piece.source.definition(entry_point)
    if definition is not Definition.ASSIGNED:
        return definition
    unknown = (
        _OUTSIDE & {*piece.decisions} or PythonSource(with_helpers(piece, candidates)[0]).needed
    )
    return Definition.NONE if unknown else definition


def _sessions(candidates: Sequence[CodePiece]) -> list[CodePiece]:
    """Return the typed code of those candidates that are interactive sessions."""
    typed = [(p, session(p.lines)) for p in candidates if p.source is None]
    return [
        replace(p, source=source, decisions=(Decision.SESSION,))
        for p, source in typed
        if source is not None
    ]


def _with(piece: CodePiece, name: Decision | None) -> CodePiece:
    return replace(piece, decisions=(*piece.decisions, name)) if name else piece
