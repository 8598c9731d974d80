"""How the arguments of a function can be written on lines: told from their types over all tests.

A `Slot` is the same for every test of a task, because a statement describes one layout. What no
layout carries is a `Refusal`: it is told by name, and the task stays what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sparring import values

MAX_DEPTH = 4
_SAFE_INT = 2**53
_LARGE_INT = 10**4000  # Python's own readers take 4,300 digits by default


class Refusal(StrEnum):
    """Why a call task is not written as a program on standard input."""

    NOT_A_CALL = "not_a_call"
    """It has tests of another kind: scripts, or standard input already."""
    NAMED_ARGUMENTS = "named_arguments"
    """Arguments by name have no order to be written in."""
    DIFFERENT_ARITY = "different_arity"
    """Its tests give different numbers of arguments."""
    MIXED_TYPES = "mixed_types"
    """An argument is of one type here and of another there, or a list holds several."""
    UNEVEN_DEPTH = "uneven_depth"
    """Lists of one argument are nested differently."""
    TOO_DEEP = "too_deep"
    UNKNOWN_ITEMS = "unknown_items"
    """A list that is empty in every test: of what it is nobody can say."""
    NONE = "none"
    """None is no text."""
    MAPPING = "mapping"
    OTHER_TYPE = "other_type"
    """A set, bytes, a complex number, an object."""
    LARGE_INTEGER = "large_integer"
    """Beyond 2^53 among floats, where it would change; or of thousands of digits."""
    TEXT_WITH_LINE_BREAK = "text_with_line_break"
    NOT_TEXT = "not_text"
    """A text with half a surrogate pair."""
    BLANK_ANSWER = "blank_answer"
    """An answer of which nothing could be seen: an empty text, or white space at its ends."""
    CHECKER = "checker"
    """The tests compare by rules that no checker of printed text has all of."""


class Refused(ValueError):
    """A task that cannot be written; the message starts with the refusal's name."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal


class Scalar(StrEnum):
    """What stands at the end of all lists."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Slot:
    """How one argument, or the answer, is written in every test of a task.

    ``shape`` has a letter for each list around the scalars, "l" list, "t" tuple (`text`).
    ``counted``: the length of a list stands on a line before it; ``apart``: each text of a list is
    on a line of its own, after their number.
    """

    scalar: Scalar
    shape: str
    counted: bool = False
    apart: bool = False

    @property
    def depth(self) -> int:
        """Lists around a scalar."""
        return len(self.shape)


def slots(calls: Sequence[Sequence[Any]]) -> tuple[Slot, ...]:
    """How the arguments of these calls, of one function, are written. Raises `Refused`."""
    counts = {len(call) for call in calls}
    if len(counts) != 1:
        raise Refused(Refusal.DIFFERENT_ARITY, " and ".join(map(str, sorted(counts))))
    columns = zip(*calls, strict=True)
    found = [slot_of(column, f"argument {i}") for i, column in enumerate(columns, start=1)]
    # A list of lists may end where the input ends. That tells the rows of one of them, not of two,
    # not of lists in lists again, nor where another list needs its length anyway.
    deep = sum(s.depth > 1 for s in found)
    if deep > 1 or any(s.counted or s.apart or s.depth > 2 for s in found):
        found = [replace(s, counted=s.depth > 0) for s in found]
    return tuple(found)


@dataclass(slots=True)
class _Seen:
    """What the values of one argument are made of."""

    scalars: list[Any] = field(default_factory=list)
    depths: set[int] = field(default_factory=set)
    empty_at: set[int] = field(default_factory=set)
    letters: dict[int, set[str]] = field(default_factory=dict)


def slot_of(column: Sequence[Any], what: str, *, exact: bool = True) -> Slot:
    """The type of all values of one argument; with ``exact`` lists and tuples are not one type.

    Raises `Refused`.
    """
    seen = _Seen()
    for value in column:
        _look(value, 0, seen, what)
    if not seen.scalars:
        raise Refused(Refusal.UNKNOWN_ITEMS, f"{what} is empty in every test")
    if len(seen.depths) != 1 or any(e >= max(seen.depths) for e in seen.empty_at):
        raise Refused(Refusal.UNEVEN_DEPTH, what)
    depth = seen.depths.pop()
    if depth > MAX_DEPTH:
        raise Refused(Refusal.TOO_DEEP, f"{what}: {depth} lists in each other")
    if exact and any(len(letters) > 1 for letters in seen.letters.values()):
        raise Refused(Refusal.MIXED_TYPES, f"{what}: list, tuple")
    scalar = _scalar(seen.scalars, what)
    return Slot(
        scalar,
        "".join(min(seen.letters[d]) for d in range(depth)),
        counted=bool(seen.empty_at),
        apart=scalar is Scalar.TEXT and depth > 0 and any(map(_needs_a_line, seen.scalars)),
    )


def _look(value: Any, depth: int, seen: _Seen, what: str) -> None:
    if isinstance(value, (list, tuple)):
        if depth > MAX_DEPTH:
            raise Refused(Refusal.TOO_DEEP, f"{what}: more than {MAX_DEPTH} lists in each other")
        seen.letters.setdefault(depth, set()).add("t" if isinstance(value, tuple) else "l")
        if not value:
            seen.empty_at.add(depth)
        for item in value:
            _look(item, depth + 1, seen, what)
        return
    if value is None:
        raise Refused(Refusal.NONE, what)
    if isinstance(value, dict):
        raise Refused(Refusal.MAPPING, what)
    if not isinstance(value, (bool, int, float, str)):
        name = value.kind if isinstance(value, values.Opaque) else type(value).__name__
        raise Refused(Refusal.OTHER_TYPE, f"{what}: {name}")
    seen.depths.add(depth)
    seen.scalars.append(value)


def _scalar(scalars: Sequence[Any], what: str) -> Scalar:
    kinds = {type(s) for s in scalars}
    if kinds == {str}:
        for text in scalars:
            _check_text(text, what)
        return Scalar.TEXT
    if kinds == {bool}:
        return Scalar.BOOL
    if kinds == {int}:
        if any(not -_LARGE_INT < s < _LARGE_INT for s in scalars):
            raise Refused(Refusal.LARGE_INTEGER, what)
        return Scalar.INT
    if kinds <= {int, float}:
        if any(isinstance(s, int) and abs(s) > _SAFE_INT for s in scalars):
            raise Refused(Refusal.LARGE_INTEGER, f"{what}, among floats")
        return Scalar.FLOAT
    names = ", ".join(sorted(k.__name__ for k in kinds))
    raise Refused(Refusal.MIXED_TYPES, f"{what}: {names}")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(Refusal.NOT_TEXT, what) from None
    # All that `str.splitlines` takes for a line break: programs read lines in many ways.
    if len(f"{text}x".splitlines()) > 1:
        raise Refused(Refusal.TEXT_WITH_LINE_BREAK, what)


def _needs_a_line(text: str) -> bool:
    return not text or any(c.isspace() for c in text)
