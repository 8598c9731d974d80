"""Values as Python writes them, for people and for prompts, in the same way every time."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

from sparring.values.held import ITERATOR, Held
from sparring.values.plain import NotPlain
from sparring.values.reading import read


def show(text: str) -> str:
    """Return the value of a text as Python writes it, in the same way every time; the text itself
    if it has no value."""
    try:
        return _literal(read(text))
    except (NotPlain, ValueError, RecursionError):  # Python refuses to write 5,000 digits
        return text


def show_call(function: str, text: str) -> str:
    """Return ``f(1, key=[2])`` for the text of (arguments, named arguments); ``f(…)`` around a text
    of any other form."""
    try:
        arguments, keywords = read(text)
        parts = [_literal(a) for a in arguments]
        for name, value in zip(keywords.parts, keywords.values, strict=True):
            parts.append(f"{str.__str__(name)}={_literal(value)}")
    except (NotPlain, ValueError, TypeError, AttributeError, RecursionError):
        return f"{function}({text})"
    return f"{function}({', '.join(parts)})"


def _literal(value: Any) -> str:
    """Return `repr` of a value, with two exceptions: a set's order differs from process to process,
    so members are sorted, and an iterator shows its items, not its address."""
    kind = type(value)
    if kind is list:
        return f"[{', '.join(map(_literal, value))}]"
    if kind is tuple:
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if kind is deque:
        return f"deque([{', '.join(map(_literal, value))}])"
    return _display(value) if kind is Held else repr(value)


def _display(value: Held) -> str:
    name, kind = value.kind.__name__, value.kind
    if kind is ITERATOR:
        return f"iter([{', '.join(map(_literal, value.parts))}])"
    if value.values is None:
        if not value.parts:
            return f"{name}()"
        inside = "{" + ", ".join(sorted(map(_literal, value.parts))) + "}"
        return inside if kind is set else f"{name}({inside})"
    pairs = list(zip(value.parts, value.values, strict=True))
    if not pairs and kind in (OrderedDict, Counter):
        return f"{name}()"
    if kind is OrderedDict:
        return f"{name}([{', '.join(map(_literal, pairs))}])"
    if kind is Counter and {int, float}.issuperset(map(type, value.values)):
        pairs.sort(key=lambda pair: pair[1], reverse=True)
    inside = "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in pairs) + "}"
    if kind is defaultdict:
        return f"{name}(None, {inside})"
    return f"{name}({inside})" if kind is Counter else inside
