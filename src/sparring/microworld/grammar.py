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


class Shape(StrEnum):
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
class Reading:
    """Understanding of a part: its Python source and its meaning.

    ``source`` may contain ``{k}``, the constant of the part, already quoted for letters. ``apply``
    takes the value (or the list of values) and the constant.
    """

    source: str
    apply: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Named building block of a problem. ``readings[0]`` is right; the others are mistakes.

    ``wordings`` may contain ``{k}``. ``constants`` lists the values of ``{k}``; an empty list means
    that the part has no constant.
    """

    name: str
    wordings: tuple[str, ...]
    readings: tuple[Reading, ...]
    constants: tuple[Value, ...] = ()


def _compare(name: str, op: str, wordings: tuple[str, ...], constants: Sequence[Value]) -> Part:
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
    return Part(
        name,
        wordings,
        tuple(Reading(f"x {sign} {{k}}", ops[sign]) for sign in order),
        tuple(constants),
    )


_THRESHOLDS = tuple(range(-4, 5))
_MIDDLE = tuple("cdef")

NUMBER_SELECTIONS: tuple[Part, ...] = (
    _compare("gt", ">", ("greater than {k}", "above {k}", "over {k}"), _THRESHOLDS),
    _compare("ge", ">=", ("at least {k}", "not below {k}", "{k} or more"), _THRESHOLDS),
    _compare("lt", "<", ("less than {k}", "below {k}", "under {k}"), _THRESHOLDS),
    _compare("le", "<=", ("at most {k}", "not above {k}", "{k} or less"), _THRESHOLDS),
    Part(
        "even",
        ("even", "divisible by 2", "not odd"),
        (
            Reading("x % 2 == 0", lambda x, k: x % 2 == 0),
            Reading("x % 2 == 0 and x", lambda x, k: x % 2 == 0 and x != 0),
            Reading("x % 2 == 0 and x", lambda x, k: x % 2 == 0 and x != 0),
            Reading("x % 2", lambda x, k: x % 2 != 0),
        ),
    ),
    Part(
        "positive",
        ("positive", "larger than zero", "with a plus sign"),
        (
            Reading("x > 0", lambda x, k: x > 0),
            Reading("x >= 0", lambda x, k: x >= 0),
            Reading("x > 1", lambda x, k: x > 1),
        ),
    ),
    Part(
        "differs",
        ("different from {k}", "other than {k}", "not equal to {k}"),
        (
            Reading("x != {k}", lambda x, k: x != k),
            Reading("x", lambda x, k: x != 0),
            Reading("x > {k}", lambda x, k: x > k),
        ),
        _THRESHOLDS,
    ),
)

NUMBER_CHANGES: tuple[Part, ...] = (
    Part("same", ("",), (Reading("x", lambda x, k: x),)),
    Part(
        "add",
        ("add {k} to each", "raise each by {k}"),
        (
            Reading("x + {k}", lambda x, k: x + k),
            Reading("x", lambda x, k: x),
            Reading("x - {k}", lambda x, k: x - k),
        ),
        (1, 2, 3),
    ),
    Part(
        "sub",
        ("take {k} from each", "lower each by {k}"),
        (
            Reading("x - {k}", lambda x, k: x - k),
            Reading("x", lambda x, k: x),
            Reading("x + {k}", lambda x, k: x + k),
        ),
        (1, 2, 3),
    ),
    Part(
        "negate",
        ("flip each sign", "negate each"),
        (Reading("-x", lambda x, k: -x), Reading("abs(x)", lambda x, k: abs(x))),
    ),
    Part(
        "abs",
        ("drop each minus sign", "make each absolute"),
        (Reading("abs(x)", lambda x, k: abs(x)), Reading("x", lambda x, k: x)),
    ),
    Part(
        "cap",
        ("cut each down to {k} or less", "limit each to {k}"),
        (
            Reading("min(x, {k})", lambda x, k: min(x, k)),
            Reading("x", lambda x, k: x),
            Reading("max(x, {k})", lambda x, k: max(x, k)),
        ),
        (4, 5, 6),
    ),
    Part(
        "floor",
        ("turn negatives into 0", "lift each to 0 or more"),
        (
            Reading("max(x, 0)", lambda x, k: max(x, 0)),
            Reading("x", lambda x, k: x),
            Reading("abs(x)", lambda x, k: abs(x)),
        ),
    ),
)

LETTER_SELECTIONS: tuple[Part, ...] = (
    _compare("after", ">", ("after {k}", "later than {k}", "beyond {k}"), _MIDDLE),
    _compare("from", ">=", ("from {k} on", "not before {k}", "{k} or later"), _MIDDLE),
    _compare("before", "<", ("before {k}", "earlier than {k}", "ahead of {k}"), _MIDDLE),
    _compare("upto", "<=", ("up to {k}", "not after {k}", "{k} or earlier"), _MIDDLE),
    Part(
        "vowel",
        ("that are vowels", "a or e", "no consonants"),
        (
            Reading('x in "ae"', lambda x, k: x in "ae"),
            Reading('x in "a"', lambda x, k: x in "a"),
            Reading('x not in "ae"', lambda x, k: x not in "ae"),
        ),
    ),
    Part(
        "consonant",
        ("that are consonants", "neither a nor e", "no vowels"),
        (
            Reading('x not in "ae"', lambda x, k: x not in "ae"),
            Reading('x not in "a"', lambda x, k: x not in "a"),
            Reading('x in "ae"', lambda x, k: x in "ae"),
        ),
    ),
)

LETTER_CHANGES: tuple[Part, ...] = (
    Part("same", ("",), (Reading("x", lambda x, k: x),)),
    Part(
        "upper",
        ("make each a capital", "write each in upper case"),
        (Reading("x.upper()", lambda x, k: x.upper()), Reading("x", lambda x, k: x)),
    ),
    Part(
        "double",
        ("write each twice", "double each"),
        (
            Reading("x * 2", lambda x, k: x * 2),
            Reading("x", lambda x, k: x),
            Reading("x.upper()", lambda x, k: x.upper()),
        ),
    ),
)


def line(values: Sequence[Value]) -> str:
    """Return the input line of ``values``, without its newline."""
    return " ".join(str(v) for v in values)


_FIRST = Reading("w[0]", lambda w: str(w[0]))
_LAST = Reading("w[-1]", lambda w: str(w[-1]))
_MAX = Reading("max(w)", lambda w: str(max(w)))
_MIN = Reading("min(w)", lambda w: str(min(w)))
_COUNT = Reading("len(w)", lambda w: str(len(w)))
_DISTINCT = Reading("len(set(w))", lambda w: str(len(set(w))))
_ALL = Reading("*w", line)
_ONCE = Reading("*dict.fromkeys(w)", lambda w: line(list(dict.fromkeys(w))))
_SORTED = Reading("*sorted(w)", lambda w: line(sorted(w)))
_SUM = Reading("sum(w)", lambda w: str(sum(w)))
_SUM_SET = Reading("sum(set(w))", lambda w: str(sum(set(w))))

_COMMON_ANSWERS: tuple[Part, ...] = (
    Part("max", ("the largest", "the maximum"), (_MAX, _LAST, _FIRST)),
    Part("min", ("the smallest", "the minimum"), (_MIN, _FIRST, _LAST)),
    Part("count", ("how many there are", "the count"), (_COUNT, _DISTINCT)),
    Part("distinct", ("how many different ones", "the count without repeats"), (_DISTINCT, _COUNT)),
    Part("first", ("the first", "the leftmost"), (_FIRST, _MAX, _LAST)),
    Part("last", ("the last", "the rightmost"), (_LAST, _MIN, _FIRST)),
    Part("all", ("all of them", "them in order"), (_ALL, _ONCE, _ONCE, _SORTED)),
)

NUMBER_ANSWERS: tuple[Part, ...] = (
    Part("sum", ("the sum", "the total"), (_SUM, _SUM_SET)),
    *_COMMON_ANSWERS,
)
LETTER_ANSWERS = _COMMON_ANSWERS

COUNTING = frozenset({"sum", "count", "distinct"})
"""Answers that are 0 for an empty selection; other answers print ``none``."""


def _condition(name: str, op: str, wordings: tuple[str, ...]) -> Part:
    compare = _compare(name, op, wordings, ())
    return Part(
        name,
        wordings,
        tuple(
            Reading(r.source.replace("x", "p").replace("{k}", "q"), r.apply)
            for r in compare.readings
        ),
    )


CONDITIONS: tuple[Part, ...] = (
    _condition("gt", ">", ("p is greater than q", "p is above q", "p beats q")),
    _condition("ge", ">=", ("p is at least q", "p is not below q", "p is q or more")),
    _condition("lt", "<", ("p is less than q", "p is below q", "p trails q")),
    _condition("le", "<=", ("p is at most q", "p is not above q", "p is q or less")),
)

EXPRESSIONS: tuple[Part, ...] = (
    Part(
        "p+r",
        ("p plus r", "the sum of p and r"),
        (
            Reading("p + r", lambda p, q, r: p + r),
            Reading("p + q", lambda p, q, r: p + q),
        ),
    ),
    Part(
        "q+r",
        ("q plus r", "the sum of q and r"),
        (
            Reading("q + r", lambda p, q, r: q + r),
            Reading("p + r", lambda p, q, r: p + r),
        ),
    ),
    Part(
        "p-r",
        ("p minus r", "r taken from p"),
        (
            Reading("p - r", lambda p, q, r: p - r),
            Reading("r - p", lambda p, q, r: r - p),
        ),
    ),
    Part(
        "r-q",
        ("r minus q", "q taken from r"),
        (
            Reading("r - q", lambda p, q, r: r - q),
            Reading("q - r", lambda p, q, r: q - r),
        ),
    ),
    Part(
        "max",
        ("the largest of the three", "the maximum"),
        (
            Reading("max(p, q, r)", lambda p, q, r: max(p, q, r)),
            Reading("max(p, q)", lambda p, q, r: max(p, q)),
        ),
    ),
    Part(
        "min",
        ("the smallest of the three", "the minimum"),
        (
            Reading("min(p, q, r)", lambda p, q, r: min(p, q, r)),
            Reading("min(p, q)", lambda p, q, r: min(p, q)),
        ),
    ),
    Part("p", ("p", "p itself"), (Reading("p", lambda p, q, r: p),)),
    Part("r", ("r", "r itself"), (Reading("r", lambda p, q, r: r),)),
)
