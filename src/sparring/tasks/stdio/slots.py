"""Choose the layout of a function's arguments on lines, from their types over all tests.

- A `Slot` is equal for every test of a task, because a statement describes one layout.
- A `ConversionRefusal` names the reason why no layout can carry a task; the task then stays
  unchanged.
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


class ConversionRefusal(StrEnum):
    """Reason why a call task cannot become a program on standard input."""

    NOT_A_CALL = "not_a_call"
    """A test is not a call: it is a script, or reads standard input already."""
    NAMED_ARGUMENTS = "named_arguments"
    """A call has named arguments, which have no order."""
    DIFFERENT_ARITY = "different_arity"
    """The tests have different numbers of arguments."""
    MIXED_TYPES = "mixed_types"
    """An argument has different types in different tests, or a list holds several types."""
    UNEVEN_DEPTH = "uneven_depth"
    """Lists of one argument are nested to different depths."""
    TOO_DEEP = "too_deep"
    UNKNOWN_ITEMS = "unknown_items"
    """A list is empty in every test, so that the type of its items is unknown."""
    NONE = "none"
    """A value is None, which has no form as text."""
    MAPPING = "mapping"
    OTHER_TYPE = "other_type"
    """A value is a set, bytes, a complex number or an object."""
    LARGE_INTEGER = "large_integer"
    """An integer among floats exceeds 2^53, so that it would change; or an integer has thousands of
    digits."""
    TEXT_WITH_LINE_BREAK = "text_with_line_break"
    NOT_TEXT = "not_text"
    """A text holds half a surrogate pair."""
    BLANK_ANSWER = "blank_answer"
    """An answer is an empty text, or has white space at an end, which print does not show."""
    CHECKER = "checker"
    """No checker of printed text has all the rules by which the tests compare."""


class ConversionRefused(ValueError):
    """Raised for a task that no layout can carry; the message starts with the refusal's name."""

    def __init__(self, refusal: ConversionRefusal, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal


class Scalar(StrEnum):
    """Type of the values inside all lists."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Slot:
    """Layout of one argument, or of the answer, in every test of a task.

    - ``shape`` has one letter for each list around the scalars: "l" for a list, "t" for a tuple
      (`text`).
    - ``counted``: the length of a list stands on a line before the list.
    - ``apart``: each text of a list stands on a line of its own, after the number of texts.
    """

    scalar: Scalar
    shape: str
    counted: bool = False
    apart: bool = False

    @property
    def depth(self) -> int:
        """Return the number of lists around a scalar."""
        return len(self.shape)


def slots(calls: Sequence[Sequence[Any]]) -> tuple[Slot, ...]:
    """Return the layout of each argument over all calls of one function. Raises
    `ConversionRefused`."""
    counts = {len(call) for call in calls}
    if len(counts) != 1:
        raise ConversionRefused(
            ConversionRefusal.DIFFERENT_ARITY, " and ".join(map(str, sorted(counts)))
        )
    columns = zip(*calls, strict=True)
    layouts = [slot_of(column, f"argument {i}") for i, column in enumerate(columns, start=1)]
    # A list of lists without a length can end only at the end of the input. That works for one
    # such list, but not for two, for deeper lists, or beside a list that needs a length anyway.
    deep = sum(s.depth > 1 for s in layouts)
    if deep > 1 or any(s.counted or s.apart or s.depth > 2 for s in layouts):
        layouts = [replace(s, counted=s.depth > 0) for s in layouts]
    return tuple(layouts)


@dataclass(slots=True)
class _Seen:
    """Scalars, depths and kinds of lists that the values of one argument hold."""

    scalars: list[Any] = field(default_factory=list)
    depths: set[int] = field(default_factory=set)
    empty_at: set[int] = field(default_factory=set)
    letters: dict[int, set[str]] = field(default_factory=dict)


def slot_of(column: Sequence[Any], what: str, *, exact: bool = True) -> Slot:
    """Return the layout of all values of one argument, which ``what`` names in messages.

    With ``exact``, lists and tuples are different types. Raises `ConversionRefused`.
    """
    seen = _Seen()
    for value in column:
        _look(value, 0, seen, what)
    if not seen.scalars:
        raise ConversionRefused(ConversionRefusal.UNKNOWN_ITEMS, f"{what} is empty in every test")
    if len(seen.depths) != 1 or any(e >= max(seen.depths) for e in seen.empty_at):
        raise ConversionRefused(ConversionRefusal.UNEVEN_DEPTH, what)
    depth = seen.depths.pop()
    if depth > MAX_DEPTH:
        raise ConversionRefused(ConversionRefusal.TOO_DEEP, f"{what}: {depth} lists in each other")
    if exact and any(len(letters) > 1 for letters in seen.letters.values()):
        raise ConversionRefused(ConversionRefusal.MIXED_TYPES, f"{what}: list, tuple")
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
            raise ConversionRefused(
                ConversionRefusal.TOO_DEEP, f"{what}: more than {MAX_DEPTH} lists in each other"
            )
        seen.letters.setdefault(depth, set()).add("t" if isinstance(value, tuple) else "l")
        if not value:
            seen.empty_at.add(depth)
        for item in value:
            _look(item, depth + 1, seen, what)
        return
    if value is None:
        raise ConversionRefused(ConversionRefusal.NONE, what)
    if isinstance(value, dict):
        raise ConversionRefused(ConversionRefusal.MAPPING, what)
    if not isinstance(value, (bool, int, float, str)):
        name = value.kind if isinstance(value, values.Opaque) else type(value).__name__
        raise ConversionRefused(ConversionRefusal.OTHER_TYPE, f"{what}: {name}")
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
            raise ConversionRefused(ConversionRefusal.LARGE_INTEGER, what)
        return Scalar.INT
    if kinds <= {int, float}:
        if any(isinstance(s, int) and abs(s) > _SAFE_INT for s in scalars):
            raise ConversionRefused(ConversionRefusal.LARGE_INTEGER, f"{what}, among floats")
        return Scalar.FLOAT
    names = ", ".join(sorted(k.__name__ for k in kinds))
    raise ConversionRefused(ConversionRefusal.MIXED_TYPES, f"{what}: {names}")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ConversionRefused(ConversionRefusal.NOT_TEXT, what) from None
    # Every line break of `str.splitlines` counts, because programs read lines in many ways.
    if len(f"{text}x".splitlines()) > 1:
        raise ConversionRefused(ConversionRefusal.TEXT_WITH_LINE_BREAK, what)


def _needs_a_line(text: str) -> bool:
    return not text or any(c.isspace() for c in text)
