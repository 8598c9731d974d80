"""Types with a form of their own in a text, by name."""

from __future__ import annotations

import collections
import importlib
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sparring.values.held import ITERATOR
from sparring.values.plain import NotPlain
from sparring.values.work import WorkBudget

_MAX_EXPONENT = 10**6
_SHORT_INT = 10**4000
"""Whole numbers from here on have more digits than Python's own readers accept by default."""

SEQUENCES: dict[str | None, Callable[[Iterable[Any]], Any]] = {
    "tuple": tuple,
    "deque": collections.deque,
}
SETS: dict[str | None, type] = {"set": set, "frozenset": frozenset}
MAPPINGS: dict[str | None, type] = {
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": collections.defaultdict,
    "Counter": collections.Counter,
}


def write_whole(number: int) -> Any:
    """Return a whole number as JSON: as a number, or in hexadecimal digits if it is long."""
    return number if -_SHORT_INT < number < _SHORT_INT else {"int": hex(number)}


def _read_whole(data: Any) -> int:
    """Return the number that `write_whole` wrote. No other form is accepted: a text may say
    "1e9"."""
    if type(data) is dict and list(data) == ["int"]:
        return int(data["int"], 16)
    if type(data) is not int:
        raise NotPlain("no whole number")
    return data


_LATE = {"Fraction": "fractions", "Decimal": "decimal"}
"""Types that few values need, by module. A module is imported only when its type is needed."""
_late_names: dict[type, str] = {}


@cache
def _late(name: str) -> Any:
    return getattr(importlib.import_module(_LATE[name]), name)


def late_name(kind: type) -> str | None:
    """Return the name of a type of `_LATE` if its module is loaded; None for any other type."""
    if kind in _late_names:
        return _late_names[kind]
    for name, module in _LATE.items():
        if module in sys.modules and kind is getattr(sys.modules[module], name, None):
            _late_names[kind] = name
            return name
    return None


def _complex(parts: Any, work: WorkBudget) -> complex:
    real, imaginary = parts
    return complex(float(real), float(imaginary))


def _fraction(parts: Any, work: WorkBudget) -> Any:
    numerator, denominator = parts
    if type(numerator) is not int or type(denominator) is not int:
        numerator, denominator = _read_whole(numerator), _read_whole(denominator)
        work.spend_on_bits(numerator.bit_length(), denominator.bit_length())
    return _late("Fraction")(numerator, denominator)


def _range(parts: Any, work: WorkBudget) -> range:
    start, stop, step = map(_read_whole, parts)
    work.spend_on_bits(max(start.bit_length(), stop.bit_length()), step.bit_length())
    return range(start, stop, step)


def _decimal(text: Any, work: WorkBudget) -> Any:
    if type(text) is not str and type(text) is not int:
        raise NotPlain("a decimal of what is neither text nor a number")
    value = _late("Decimal")(str(text))
    if value.is_snan():
        raise NotPlain("a number that cannot be compared")
    if value.is_finite() and value and abs(value.adjusted()) > _MAX_EXPONENT:
        raise NotPlain("an exponent that is too large")
    return value


# By name of a type: the function that writes a value as text or numbers, and the one that reads it.
TEXTUAL: dict[str | None, tuple[Callable[[Any], Any], Callable[[Any, WorkBudget], Any]]] = {
    "float": (repr, lambda text, work: float(text)),
    "int": (hex, lambda text, work: int(text, 16)),
    "complex": (lambda z: [repr(z.real), repr(z.imag)], _complex),
    "bytes": (bytes.hex, lambda text, work: bytes.fromhex(text)),
    "bytearray": (bytearray.hex, lambda text, work: bytearray.fromhex(text)),
    "range": (
        lambda r: [write_whole(int(n)) for n in (r.start, r.stop, r.step)],
        _range,
    ),
    "Fraction": (
        lambda f: [write_whole(f.numerator), write_whole(f.denominator)],
        _fraction,
    ),
    "Decimal": (str, _decimal),
}

_PLAIN = (tuple, collections.deque, *SETS.values(), *MAPPINGS.values())
_PLAIN += (complex, bytes, bytearray, range)
_ITERATORS: tuple[Any, ...] = (
    (_ for _ in ()),
    map(abs, ()),
    filter(None, ()),
    zip(strict=False),
    enumerate(()),
    iter(()),
    iter({}),
    iter(range(0)),
    reversed([]),
)
NAMES: dict[type, str] = {kind: kind.__name__ for kind in _PLAIN}
NAMES |= {type(one): "iterator" for one in _ITERATORS} | {ITERATOR: "iterator"}
NAMES |= {type({}.keys()): "set", type({}.items()): "set", type({}.values()): "iterator"}
