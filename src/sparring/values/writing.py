"""Writing of a value as text, inside the process of the program that made the value."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from sparring.values.forms import (
    MAPPINGS,
    NAMES,
    SEQUENCES,
    SETS,
    TEXTUAL,
    late_name,
    write_whole,
)
from sparring.values.plain import MAX_DEPTH, MAX_NODES, NotPlain

_CHARACTERS_A_NODE = 64
"""Characters that count as one part: one long text or number may stand in many places."""


def encode(value: object) -> str:
    """Return the text of a value. Raises `NotPlain` if the value is nested too deeply, is too large
    or contains itself."""
    return json.dumps(_encode(value, 0, [0]), separators=(",", ":"))


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
        count[0] += value.bit_length() // (4 * _CHARACTERS_A_NODE)
        return write_whole(value)
    if kind is float:
        return {"float": repr(value)}
    if depth >= MAX_DEPTH:
        raise NotPlain(f"nested more than {MAX_DEPTH} deep")
    if kind is list:
        return [_encode(item, depth + 1, count) for item in value]
    name = NAMES.get(kind) or late_name(kind)
    if name in SEQUENCES or name in SETS:
        return {name: [_encode(item, depth + 1, count) for item in value]}
    if name in MAPPINGS:
        pairs = [
            [_encode(k, depth + 1, count), _encode(v, depth + 1, count)] for k, v in value.items()
        ]
        return {name: pairs}
    if name in TEXTUAL:
        if kind is bytes or kind is bytearray:
            count[0] += len(value) // _CHARACTERS_A_NODE
        return {name: TEXTUAL[name][0](value)}
    if name == "iterator":
        return {name: [_encode(item, depth + 1, count) for item in _drain(value, count)]}
    if isinstance(value, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        # ``==`` compares a namedtuple as a tuple. It is read as a tuple, whatever its class says.
        return {"tuple": [_encode(item, depth + 1, count) for item in tuple.__iter__(value)]}
    plain = _of_numpy(value)
    if type(plain) is not kind:
        return _encode(plain, depth + 1, count)
    return {"object" if _is_true(value) else "falsy": str(getattr(kind, "__qualname__", "?"))[:200]}


def _of_numpy(value: Any) -> Any:
    """Return a number, boolean or text of numpy's as the equal value of Python's own; any other
    value unchanged."""
    numpy = sys.modules.get("numpy")  # a program that did not import numpy has no value of numpy's
    if numpy is None or type(value).__module__ != "numpy":
        return value
    scalars = (numpy.number, numpy.bool_, numpy.str_, numpy.bytes_)
    return value.item() if isinstance(value, scalars) else value


def _is_true(value: object) -> bool:
    try:
        return bool(value)
    except Exception:  # noqa: BLE001  # the program's own `__bool__`: no `assert` passes with it
        return False


def _drain(iterator: Iterator[object], count: list[int]) -> Iterator[object]:
    for item in iterator:
        yield item
        if count[0] > MAX_NODES:
            raise NotPlain("an iterator without an end")
