"""Reading of a text: to a value of Python's, or to data for comparison."""

from __future__ import annotations

import json
import operator
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice
from typing import Any

from sparring.values.forms import MAPPINGS, SEQUENCES, SETS, TEXTUAL
from sparring.values.held import ITERATOR, hold
from sparring.values.numbers import units_to_tell_apart
from sparring.values.plain import MAX_DEPTH, NotPlain, Opaque
from sparring.values.work import WorkBudget

_THEMSELVES = frozenset({str, int, bool, type(None)})


def decode(text: str) -> Any:
    """Return the value of a text, made of plain types and `Opaque`. Raises `NotPlain`.

    Sets and mappings are Python's own, so that a function can be called with them. Members made to
    have one hash are refused. Members that merely share places in the hash table are not refused:
    use `read` to compare what a program wrote.
    """
    return _Reader(WorkBudget(len(text)), None).read(text)


def read(text: str, work: WorkBudget | None = None) -> Any:
    """Return the value of a text for `same`, with sets, mappings and iterators as `Held`. Raises
    `NotPlain`, also if reading takes more than is left of ``work``."""
    return _Reader(WorkBudget(len(text)) if work is None else work, hold).read(text)


_Hold = Callable[[type, list[Any], list[Any] | None], Any]


class _Reader:
    """Reader of one text. ``hold`` keeps sets and mappings without a hash table; with None the
    reader makes Python's own types."""

    def __init__(self, work: WorkBudget, hold: _Hold | None) -> None:
        self._work = work
        self._hold = hold or self._build

    def read(self, text: str) -> Any:
        try:
            data = json.loads(text)
            return data if type(data) in _THEMSELVES else self._value(data, 0)
        except RecursionError as error:
            raise NotPlain("nested too deeply") from error
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            raise NotPlain(f"not the text of a value: {error}") from error

    def _value(self, data: Any, depth: int) -> Any:
        """Return the value of decoded JSON. Each level takes one frame of the stack, because values
        are nested deeply."""
        if depth > MAX_DEPTH:
            raise NotPlain("nested too deeply")
        name = None
        if type(data) is dict and len(data) == 1:
            [(name, data)] = data.items()
            if name in TEXTUAL:
                return TEXTUAL[name][1](data, self._work)
            if name in ("object", "falsy"):
                kind = data[:200] if type(data) is str else "?"
                return Opaque(kind, true=name == "object")
        if type(data) is not list:
            raise NotPlain("an object that names no type, or parts that are no list")
        if name in MAPPINGS:
            data = _keys_and_values(data)
        for place, item in enumerate(data):  # in place: a new list would cost as much again
            if type(item) not in _THEMSELVES:
                data[place] = self._value(item, depth + 1)
        if name is None:
            return data
        if name in SEQUENCES:
            return SEQUENCES[name](data)
        if name in SETS:
            return self._hold(SETS[name], data, None)
        if name in MAPPINGS:
            half = len(data) // 2
            return self._hold(MAPPINGS[name], data[:half], data[half:])
        if name == "iterator":
            return self._hold(ITERATOR, data, None)
        raise NotPlain(f"no such type: {name}")

    def _build(self, kind: type, parts: list[Any], values: list[Any] | None) -> Any:
        if kind is ITERATOR:
            return iter(parts)
        self._refuse_crowds(parts)
        if values is None:
            return kind(parts)
        pairs = zip(parts, values, strict=True)
        if kind is Counter:
            return Counter(dict(pairs))
        return defaultdict(None, pairs) if kind is defaultdict else kind(pairs)

    def _refuse_crowds(self, items: list[Any]) -> None:
        """Charge the work that Python will need to tell members with one hash apart."""
        hashes = sorted(map(hash, items))
        if not any(map(operator.eq, hashes, islice(hashes, 1, None))):
            return
        crowds = defaultdict(list)
        for item in items:
            crowds[str(hash(item))].append(item)  # text keys: numbers can be made to fill it slowly
        for crowd in crowds.values():
            if len(crowd) > 1:
                self._work.spend(len(crowd) * sum(map(units_to_tell_apart, crowd)))


def _keys_and_values(pairs: list[Any]) -> list[Any]:
    if not {list}.issuperset(map(type, pairs)):
        raise NotPlain("pairs that are no lists")
    return [key for key, _ in pairs] + [value for _, value in pairs]
