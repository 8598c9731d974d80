"""Parts of the microworld's problems: selections, changes, answers, conditions, expressions.

A problem keeps some values of a line (by a *selection*), changes each (by a *change*) and reduces
them to an *answer*. A problem of the scalar shape chooses between two *expressions* by a
*condition*. Every part has several wordings and several *readings*. The first reading is the
meaning of the wording; the others are mistakes that players make with the wording.

Most mistakes are subtle on purpose: a boundary, an empty selection, a repeated value, a sign. A
random input rarely shows them, and a well chosen input does. So a good test is worth more than a
test that is merely right.

A reading has its Python source *and* its meaning, so that programs, expected outputs and
derivations come from one place. This module holds data only; `problem` combines the parts, and
`players` draws the readings of a noisy player.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Value = int | str
"""Element of an input line: an integer, or a single letter."""


class InputShape(StrEnum):
    """Kinds of input lines."""

    NUMBERS = "numbers"
    LETTERS = "letters"
    SCALARS = "scalars"


LETTERS = "abcdefgh"
LOW, HIGH = -9, 9
"""Least and greatest integer of a line of numbers."""
SCALAR_LOW, SCALAR_HIGH = 0, 9
"""Least and greatest integer of the scalar shape, small enough for the nano model's arithmetic."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """Understanding of a part: its Python source and its meaning.

    ``source`` may contain ``{k}``, the constant of the part, already quoted for letters. ``apply``
    takes the value (or the list of values) and the constant.
    """

    source: str
    apply: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ProblemPart:
    """Named building block of a problem. ``readings[0]`` is right; the others are mistakes.

    ``wordings`` may contain ``{k}``. ``constants`` lists the values of ``{k}``; an empty list means
    that the part has no constant.
    """

    name: str
    wordings: tuple[str, ...]
    readings: tuple[Interpretation, ...]
    constants: tuple[Value, ...] = ()


def _compare(
    name: str, op: str, wordings: tuple[str, ...], constants: Sequence[Value]
) -> ProblemPart:
    """Return a comparison with a constant; most of its mistakes are at the boundary."""
    ops: dict[str, Callable[..., Any]] = {
        ">": lambda x, k: x > k,
        ">=": lambda x, k: x >= k,
        "<": lambda x, k: x < k,
        "<=": lambda x, k: x <= k,
    }
    boundary = {">": ">=", ">=": ">", "<": "<=", "<=": "<"}[op]
    opposite = {">": "<", ">=": "<=", "<": ">", "<=": ">="}[op]
    order = (op, boundary, boundary, boundary, opposite)
    return ProblemPart(
        name,
        wordings,
        tuple(Interpretation(f"x {sign} {{k}}", ops[sign]) for sign in order),
        tuple(constants),
    )


_THRESHOLDS = tuple(range(-4, 5))
_MIDDLE = tuple("cdef")

NUMBER_SELECTIONS: tuple[ProblemPart, ...] = (
    _compare("gt", ">", ("greater than {k}", "above {k}", "over {k}"), _THRESHOLDS),
    _compare("ge", ">=", ("at least {k}", "not below {k}", "{k} or more"), _THRESHOLDS),
    _compare("lt", "<", ("less than {k}", "below {k}", "under {k}"), _THRESHOLDS),
    _compare("le", "<=", ("at most {k}", "not above {k}", "{k} or less"), _THRESHOLDS),
    ProblemPart(
        "even",
        ("even", "divisible by 2", "not odd"),
        (
            Interpretation("x % 2 == 0", lambda x, k: x % 2 == 0),
            Interpretation("x % 2 == 0 and x", lambda x, k: x % 2 == 0 and x != 0),
            Interpretation("x % 2 == 0 and x", lambda x, k: x % 2 == 0 and x != 0),
            Interpretation("x % 2", lambda x, k: x % 2 != 0),
        ),
    ),
    ProblemPart(
        "positive",
        ("positive", "larger than zero", "with a plus sign"),
        (
            Interpretation("x > 0", lambda x, k: x > 0),
            Interpretation("x >= 0", lambda x, k: x >= 0),
            Interpretation("x > 1", lambda x, k: x > 1),
        ),
    ),
    ProblemPart(
        "differs",
        ("different from {k}", "other than {k}", "not equal to {k}"),
        (
            Interpretation("x != {k}", lambda x, k: x != k),
            Interpretation("x", lambda x, k: x != 0),
            Interpretation("x > {k}", lambda x, k: x > k),
        ),
        _THRESHOLDS,
    ),
)

NUMBER_CHANGES: tuple[ProblemPart, ...] = (
    ProblemPart("same", ("",), (Interpretation("x", lambda x, k: x),)),
    ProblemPart(
        "add",
        ("add {k} to each", "raise each by {k}"),
        (
            Interpretation("x + {k}", lambda x, k: x + k),
            Interpretation("x", lambda x, k: x),
            Interpretation("x - {k}", lambda x, k: x - k),
        ),
        (1, 2, 3),
    ),
    ProblemPart(
        "sub",
        ("take {k} from each", "lower each by {k}"),
        (
            Interpretation("x - {k}", lambda x, k: x - k),
            Interpretation("x", lambda x, k: x),
            Interpretation("x + {k}", lambda x, k: x + k),
        ),
        (1, 2, 3),
    ),
    ProblemPart(
        "negate",
        ("flip each sign", "negate each"),
        (Interpretation("-x", lambda x, k: -x), Interpretation("abs(x)", lambda x, k: abs(x))),
    ),
    ProblemPart(
        "abs",
        ("drop each minus sign", "make each absolute"),
        (Interpretation("abs(x)", lambda x, k: abs(x)), Interpretation("x", lambda x, k: x)),
    ),
    ProblemPart(
        "cap",
        ("cut each down to {k} or less", "limit each to {k}"),
        (
            Interpretation("min(x, {k})", lambda x, k: min(x, k)),
            Interpretation("x", lambda x, k: x),
            Interpretation("max(x, {k})", lambda x, k: max(x, k)),
        ),
        (4, 5, 6),
    ),
    ProblemPart(
        "floor",
        ("turn negatives into 0", "lift each to 0 or more"),
        (
            Interpretation("max(x, 0)", lambda x, k: max(x, 0)),
            Interpretation("x", lambda x, k: x),
            Interpretation("abs(x)", lambda x, k: abs(x)),
        ),
    ),
)

LETTER_SELECTIONS: tuple[ProblemPart, ...] = (
    _compare("after", ">", ("after {k}", "later than {k}", "beyond {k}"), _MIDDLE),
    _compare("from", ">=", ("from {k} on", "not before {k}", "{k} or later"), _MIDDLE),
    _compare("before", "<", ("before {k}", "earlier than {k}", "ahead of {k}"), _MIDDLE),
    _compare("upto", "<=", ("up to {k}", "not after {k}", "{k} or earlier"), _MIDDLE),
    ProblemPart(
        "vowel",
        ("that are vowels", "a or e", "no consonants"),
        (
            Interpretation('x in "ae"', lambda x, k: x in "ae"),
            Interpretation('x in "a"', lambda x, k: x in "a"),
            Interpretation('x not in "ae"', lambda x, k: x not in "ae"),
        ),
    ),
    ProblemPart(
        "consonant",
        ("that are consonants", "neither a nor e", "no vowels"),
        (
            Interpretation('x not in "ae"', lambda x, k: x not in "ae"),
            Interpretation('x not in "a"', lambda x, k: x not in "a"),
            Interpretation('x in "ae"', lambda x, k: x in "ae"),
        ),
    ),
)

LETTER_CHANGES: tuple[ProblemPart, ...] = (
    ProblemPart("same", ("",), (Interpretation("x", lambda x, k: x),)),
    ProblemPart(
        "upper",
        ("make each a capital", "write each in upper case"),
        (Interpretation("x.upper()", lambda x, k: x.upper()), Interpretation("x", lambda x, k: x)),
    ),
    ProblemPart(
        "double",
        ("write each twice", "double each"),
        (
            Interpretation("x * 2", lambda x, k: x * 2),
            Interpretation("x", lambda x, k: x),
            Interpretation("x.upper()", lambda x, k: x.upper()),
        ),
    ),
)


def line(values: Sequence[Value]) -> str:
    """Return the input line of ``values``, without its newline."""
    return " ".join(str(v) for v in values)


_FIRST = Interpretation("w[0]", lambda w: str(w[0]))
_LAST = Interpretation("w[-1]", lambda w: str(w[-1]))
_MAX = Interpretation("max(w)", lambda w: str(max(w)))
_MIN = Interpretation("min(w)", lambda w: str(min(w)))
_COUNT = Interpretation("len(w)", lambda w: str(len(w)))
_DISTINCT = Interpretation("len(set(w))", lambda w: str(len(set(w))))
_ALL = Interpretation("*w", line)
_ONCE = Interpretation("*dict.fromkeys(w)", lambda w: line(list(dict.fromkeys(w))))
_SORTED = Interpretation("*sorted(w)", lambda w: line(sorted(w)))
_SUM = Interpretation("sum(w)", lambda w: str(sum(w)))
_SUM_SET = Interpretation("sum(set(w))", lambda w: str(sum(set(w))))

_COMMON_ANSWERS: tuple[ProblemPart, ...] = (
    ProblemPart("max", ("the largest", "the maximum"), (_MAX, _LAST, _FIRST)),
    ProblemPart("min", ("the smallest", "the minimum"), (_MIN, _FIRST, _LAST)),
    ProblemPart("count", ("how many there are", "the count"), (_COUNT, _DISTINCT)),
    ProblemPart(
        "distinct", ("how many different ones", "the count without repeats"), (_DISTINCT, _COUNT)
    ),
    ProblemPart("first", ("the first", "the leftmost"), (_FIRST, _MAX, _LAST)),
    ProblemPart("last", ("the last", "the rightmost"), (_LAST, _MIN, _FIRST)),
    ProblemPart("all", ("all of them", "them in order"), (_ALL, _ONCE, _ONCE, _SORTED)),
)

NUMBER_ANSWERS: tuple[ProblemPart, ...] = (
    ProblemPart("sum", ("the sum", "the total"), (_SUM, _SUM_SET)),
    *_COMMON_ANSWERS,
)
LETTER_ANSWERS = _COMMON_ANSWERS

COUNTING = frozenset({"sum", "count", "distinct"})
"""Answers that are 0 for an empty selection; other answers print ``none``."""


def _condition(name: str, op: str, wordings: tuple[str, ...]) -> ProblemPart:
    compare = _compare(name, op, wordings, ())
    return ProblemPart(
        name,
        wordings,
        tuple(
            Interpretation(r.source.replace("x", "p").replace("{k}", "q"), r.apply)
            for r in compare.readings
        ),
    )


CONDITIONS: tuple[ProblemPart, ...] = (
    _condition("gt", ">", ("p is greater than q", "p is above q", "p beats q")),
    _condition("ge", ">=", ("p is at least q", "p is not below q", "p is q or more")),
    _condition("lt", "<", ("p is less than q", "p is below q", "p trails q")),
    _condition("le", "<=", ("p is at most q", "p is not above q", "p is q or less")),
)

EXPRESSIONS: tuple[ProblemPart, ...] = (
    ProblemPart(
        "p+r",
        ("p plus r", "the sum of p and r"),
        (
            Interpretation("p + r", lambda p, q, r: p + r),
            Interpretation("p + q", lambda p, q, r: p + q),
        ),
    ),
    ProblemPart(
        "q+r",
        ("q plus r", "the sum of q and r"),
        (
            Interpretation("q + r", lambda p, q, r: q + r),
            Interpretation("p + r", lambda p, q, r: p + r),
        ),
    ),
    ProblemPart(
        "p-r",
        ("p minus r", "r taken from p"),
        (
            Interpretation("p - r", lambda p, q, r: p - r),
            Interpretation("r - p", lambda p, q, r: r - p),
        ),
    ),
    ProblemPart(
        "r-q",
        ("r minus q", "q taken from r"),
        (
            Interpretation("r - q", lambda p, q, r: r - q),
            Interpretation("q - r", lambda p, q, r: q - r),
        ),
    ),
    ProblemPart(
        "max",
        ("the largest of the three", "the maximum"),
        (
            Interpretation("max(p, q, r)", lambda p, q, r: max(p, q, r)),
            Interpretation("max(p, q)", lambda p, q, r: max(p, q)),
        ),
    ),
    ProblemPart(
        "min",
        ("the smallest of the three", "the minimum"),
        (
            Interpretation("min(p, q, r)", lambda p, q, r: min(p, q, r)),
            Interpretation("min(p, q)", lambda p, q, r: min(p, q)),
        ),
    ),
    ProblemPart("p", ("p", "p itself"), (Interpretation("p", lambda p, q, r: p),)),
    ProblemPart("r", ("r", "r itself"), (Interpretation("r", lambda p, q, r: r),)),
)
