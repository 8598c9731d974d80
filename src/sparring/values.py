"""Plain Python values as text, and whether two of them are the same.

A call test holds arguments and a value; both travel as text. The text is JSON in which lists,
strings, whole numbers, true, false and null stand for themselves and everything else is an object
with one key that names its type: ``{"tuple": […]}``, ``{"float": "0.5"}``, ``{"set": […]}``. What
is not of a plain type *exactly* (an instance of a program's own class, a subclass of `int` with an
``__eq__`` of its own) becomes ``{"object": "its type"}`` and equals nothing.

Values are compared here, on data that carries no code, as ``==`` compares honest ones: 1, 1.0 and
True are equal, a list and a tuple are not. `same` can also insist on the types and allow a
tolerance between floats.
"""

from __future__ import annotations

import collections
import importlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MAX_DEPTH = 200
MAX_NODES = 2_000_000
_CHARACTERS_A_NODE = 64
"""Long texts and numbers count as so many parts: one object may stand in many places."""
_MAX_COLLISIONS = 100
_MAX_EXPONENT = 10**6
_SHORT_INT = 10**4000  # more digits than Python's own readers take by default


class NotPlain(ValueError):
    """A value or a text that this format has no form for; the message says why."""


class Opaque:
    """Stands for an object of a type that is not plain. Equal to nothing, not even itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def encode(value: object) -> str:
    """The text of a value. Raises `NotPlain` if it is too deep, too large or contains itself."""
    count = [0]
    return json.dumps(_encode(value, 0, count), separators=(",", ":"))


def decode(text: str) -> Any:
    """The value of a text, made of plain types and `Opaque`. Raises `NotPlain`."""
    try:
        return _decode(json.loads(text), 0)
    except RecursionError as error:
        raise NotPlain("nested too deeply") from error
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise NotPlain(f"not the text of a value: {error}") from error


def show(text: str) -> str:
    """The value of a text as Python writes it, the same every time; the text itself if it has
    none."""
    try:
        return _literal(decode(text))
    except (NotPlain, ValueError, RecursionError):
        return text


def show_call(function: str, text: str) -> str:
    """``f(1, key=[2])`` of the text of (arguments, named ones); ``f(…)`` around a text of another
    form."""
    try:
        arguments, named = decode(text)
        parts = [_literal(a) for a in arguments]
        parts += [f"{name}={_literal(value)}" for name, value in named.items()]
    except (NotPlain, ValueError, TypeError, AttributeError, RecursionError):
        return f"{function}({text})"
    return f"{function}({', '.join(parts)})"


def _literal(value: Any) -> str:
    """`repr`, but for two things it hides: the order of a set differs from process to process, and
    an iterator would be an address."""
    kind = type(value)
    if kind is list:
        return f"[{', '.join(map(_literal, value))}]"
    if kind is tuple:
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if kind is dict:
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    if kind in (set, frozenset) and value:
        inside = "{" + ", ".join(sorted(map(_literal, value))) + "}"
        return inside if kind is set else f"frozenset({inside})"
    if _NAMES.get(kind) == "iterator":
        return f"iter([{', '.join(map(_literal, value))}])"
    return repr(value)


def same(
    actual: object,
    expected: object,
    *,
    absolute: float = 0.0,
    relative: float = 0.0,
    typed: bool = False,
) -> bool:
    """Whether two decoded values are equal.

    ``absolute`` and ``relative`` (to the expected value) allow that distance where either number
    is a float; ``typed``: types must be equal throughout, so that 1 is not 1.0.
    """

    def near(a: object, b: object) -> bool:
        if typed and type(a) is not type(b):
            return False
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            if a == b:
                return True
            if not (isinstance(a, float) or isinstance(b, float)):
                return False
            return _close(a, b, absolute, relative)
        if isinstance(a, list) and isinstance(b, list):
            return _all(near, a, b)
        if isinstance(a, tuple) and isinstance(b, tuple):
            return _all(near, a, b)
        if isinstance(a, collections.deque) and isinstance(b, collections.deque):
            return _all(near, a, b)
        if isinstance(a, dict) and isinstance(b, dict):
            return len(a) == len(b) and all(k in b and near(v, b[k]) for k, v in a.items())
        if isinstance(a, (Opaque, *_CONTAINERS)) or isinstance(b, (Opaque, *_CONTAINERS)):
            return False
        return bool(a == b)

    return near(actual, expected)


_CONTAINERS = (list, tuple, collections.deque, dict)


def _close(a: float, b: float, absolute: float, relative: float) -> bool:
    try:
        distance, size = abs(float(a) - float(b)), abs(float(b))
    except OverflowError:
        return False
    return math.isfinite(distance) and distance <= max(absolute, relative * size)


def _all(near: Callable[[object, object], bool], a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(near(x, y) for x, y in zip(a, b, strict=True))


def _encode(value: Any, depth: int, count: list[int]) -> Any:
    kind = type(value)
    count[0] += 1
    if count[0] > MAX_NODES:
        raise NotPlain(f"more than {MAX_NODES:,} parts")
    if kind is str:
        count[0] += len(value) // _CHARACTERS_A_NODE
        return value
    if kind is bool or value is None:
        return value
    if kind is int:
        if -_SHORT_INT < value < _SHORT_INT:
            return value
        count[0] += value.bit_length() // (4 * _CHARACTERS_A_NODE)
        return {"int": hex(value)}
    if kind is float:
        return {"float": repr(value)}
    if depth >= MAX_DEPTH:
        raise NotPlain(f"nested more than {MAX_DEPTH} deep")
    if kind is list:
        return [_encode(item, depth + 1, count) for item in value]
    name = _NAMES.get(kind) or _late_name(kind)
    if name in _SEQUENCES:
        return {name: [_encode(item, depth + 1, count) for item in value]}
    if name in _MAPPINGS:
        pairs = [
            [_encode(k, depth + 1, count), _encode(v, depth + 1, count)] for k, v in value.items()
        ]
        return {name: pairs}
    if name in _TEXTUAL:
        if kind is bytes or kind is bytearray:
            count[0] += len(value) // _CHARACTERS_A_NODE
        return {name: _TEXTUAL[name][0](value)}
    if name == "iterator":
        return {name: [_encode(item, depth + 1, count) for item in _drain(value, count)]}
    if isinstance(value, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        # A namedtuple is a tuple to ``==``; read as one, whatever its class says.
        return {"tuple": [_encode(item, depth + 1, count) for item in tuple.__iter__(value)]}
    return {"object": str(getattr(kind, "__qualname__", "?"))[:200]}


def _decode(data: Any, depth: int) -> Any:
    if data is None or isinstance(data, (str, bool, int)):
        return data
    if depth >= MAX_DEPTH + 1:
        raise NotPlain("nested too deeply")
    if isinstance(data, list):
        return [_decode(item, depth + 1) for item in data]
    if not isinstance(data, dict) or len(data) != 1:
        raise NotPlain("an object that names no type")
    [(name, held)] = data.items()
    if name in _SEQUENCES:
        items = [_decode(item, depth + 1) for item in held]
        if name in _HASHED:
            _refuse_collisions(items)
        return _SEQUENCES[name](items)
    if name in _MAPPINGS:
        pairs = [(_decode(k, depth + 1), _decode(v, depth + 1)) for k, v in held]
        _refuse_collisions([key for key, _ in pairs])
        return _MAPPINGS[name](pairs)
    if name in _TEXTUAL:
        return _TEXTUAL[name][1](held)
    if name == "iterator":
        return iter([_decode(item, depth + 1) for item in held])
    if name == "object":
        return Opaque(str(held))
    raise NotPlain(f"no such type: {name}")


def _refuse_collisions(items: list[Any]) -> None:
    """Values made to have one hash would cost the square of their number to tell apart."""
    if len(items) > _MAX_COLLISIONS:
        [(_, most)] = collections.Counter(map(hash, items)).most_common(1)
        if most > _MAX_COLLISIONS:
            raise NotPlain("too many values with the same hash")


def _drain(iterator: Iterator[object], count: list[int]) -> Iterator[object]:
    for item in iterator:
        yield item
        if count[0] > MAX_NODES:
            raise NotPlain("an iterator without an end")


def _late(module: str, name: str) -> Any:
    """A type from a module that few values need: not imported before."""
    return getattr(importlib.import_module(module), name)


def _late_name(kind: type) -> str | None:
    for module, name in (("fractions", "Fraction"), ("decimal", "Decimal")):
        if module in sys.modules and kind is getattr(sys.modules[module], name, None):
            return name
    return None


def _fraction(parts: Any) -> Any:
    numerator, denominator = parts
    if type(numerator) is not int or type(denominator) is not int:
        raise NotPlain("a fraction of what is no whole number")  # a text may hold 1e999999999
    return _late("fractions", "Fraction")(numerator, denominator)


def _decimal(text: Any) -> Any:
    value = _late("decimal", "Decimal")(str(text))
    if value.is_snan():
        raise NotPlain("a number that cannot be compared")
    if value.is_finite() and value and abs(value.adjusted()) > _MAX_EXPONENT:
        raise NotPlain("an exponent that is too large")
    return value


def _counter(pairs: Iterable[tuple[Any, Any]]) -> collections.Counter[Any]:
    return collections.Counter(dict(pairs))


def _defaultdict(pairs: Iterable[tuple[Any, Any]]) -> collections.defaultdict[Any, Any]:
    return collections.defaultdict(None, pairs)


_SEQUENCES: dict[str | None, Callable[[Iterable[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": collections.deque,
}
_HASHED = ("set", "frozenset")
_MAPPINGS: dict[str | None, Callable[[Iterable[tuple[Any, Any]]], Any]] = {
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": _defaultdict,
    "Counter": _counter,
}
# How a type is written as text or a list of numbers, and read again.
_TEXTUAL: dict[str | None, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float": (repr, float),
    "int": (hex, lambda text: int(text, 16)),
    "complex": (
        lambda z: [repr(z.real), repr(z.imag)],
        lambda parts: complex(float(parts[0]), float(parts[1])),
    ),
    "bytes": (bytes.hex, bytes.fromhex),
    "bytearray": (bytearray.hex, bytearray.fromhex),
    "range": (lambda r: [r.start, r.stop, r.step], lambda parts: range(*parts)),
    "Fraction": (
        lambda f: [f.numerator, f.denominator],
        _fraction,
    ),
    "Decimal": (str, _decimal),
}
_PLAIN = (tuple, set, frozenset, collections.deque, dict, collections.OrderedDict)
_PLAIN += (collections.defaultdict, collections.Counter, complex, bytes, bytearray, range)  # type: ignore[assignment]
_NAMES: dict[type, str] = {kind: kind.__name__ for kind in _PLAIN}
_ITERATORS: tuple[Any, ...] = (
    (_ for _ in ()),
    map(abs, ()),
    filter(None, ()),
    zip(strict=False),
    enumerate(()),
    iter([]),
    iter(()),
    iter({}),
    iter(range(0)),
    reversed([]),
)
_NAMES |= {type(one): "iterator" for one in _ITERATORS}
_NAMES |= {type({}.keys()): "set", type({}.items()): "set", type({}.values()): "iterator"}
