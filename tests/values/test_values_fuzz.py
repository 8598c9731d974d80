"""Texts of values, mutated: what a program writes is a value, or none, and never anything else."""

from __future__ import annotations

import collections
import json
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sparring import values
from sparring.tasks.checkers.checker import accepts
from tests import slowly

_TYPES = (
    *("tuple", "set", "frozenset", "deque", "dict", "OrderedDict", "defaultdict", "Counter"),
    *("float", "int", "complex", "bytes", "bytearray", "range", "Fraction", "Decimal"),
    *("iterator", "object", "falsy", "list", ""),
)
_ODD = (
    *("nan", "-inf", "sNaN", "0x", "0x1", "1e999", "1E+1000000", "1_0", " 1 ", "٣", "\ud800", ""),
    *(0, -1, True, None, 2**61 - 1, 2**61, 10**4299, 10**30, 0.5, [], {}, [[]], [1, 2], [1, 2, 3]),
)
_LEAVES = (
    *(0, 1, True, -1, -2, 1.0, -0.0, 0.5, 2**61, float("nan"), float("inf"), 10**50, 1j, 1 + 0j),
    *("", "a", "é\ud800", b"a", None, range(0), range(1, 9, 2), Fraction(1, 2), Decimal("0.50")),
)
_CALLS_A_CHARACTER = 12
_RULES = ("value", "typed", "value(abs=1e-6, rel=1e-6)", "truth")


def _made(chance: random.Random, depth: int, hashed: bool = False) -> Any:
    """An honest value, with some chance of equal parts of several types."""
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(_LEAVES)
    items = [_made(chance, depth - 1, hashed) for _ in range(chance.randrange(4))]
    keys = [_made(chance, depth - 1, True) for _ in items]
    if hashed:
        return chance.choice((tuple, frozenset))(keys)
    kind = chance.choice((list, tuple, collections.deque, set, frozenset, iter, object, dict, 1, 2))
    if kind in (set, frozenset):
        return kind(keys)
    if kind in (dict, 1, 2):
        table = {dict: dict, 1: collections.OrderedDict, 2: collections.Counter}[kind]
        return table(dict(zip(keys, items, strict=True)))
    return kind() if kind is object else kind(items)


def _bytes_flipped(text: str, other: str, chance: random.Random) -> str:
    characters = list(text)
    for _ in range(chance.randrange(1, 4)):
        characters[chance.randrange(len(text))] = chr(
            chance.choice((chance.randrange(128), 0xD800))
        )
    return "".join(characters)


def _part(text: str, chance: random.Random) -> tuple[int, int]:
    start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return start, end


def _spliced(text: str, other: str, chance: random.Random) -> str:
    start, end = _part(text, chance)
    begin, stop = _part(other, chance)
    return text[:start] + other[begin:stop] + text[end:]


def _repeated(text: str, other: str, chance: random.Random) -> str:
    start, end = _part(text, chance)
    return text[:end] + text[start:end] * chance.randrange(0, 9) + text[end:]


def _nested(text: str, other: str, chance: random.Random) -> str:
    before, after = chance.choice(
        (("[", "]"), ('{"tuple":[', "]}"), ('{"frozenset":[', "]}"), ('{"dict":[[1,', "]]}"))
    )
    deep = chance.choice((1, 2, 60, 199, 201, 1200))
    return before * deep + text + after * deep


def _restructured(text: str, other: str, chance: random.Random) -> str:
    """Another type's name, another leaf, a part of the other tree, one left out or twice there."""
    tree, strange = json.loads(text), json.loads(other)
    for _ in range(chance.randrange(1, 4)):
        tree = _changed(tree, strange, chance)
    return json.dumps(tree)


def _changed(tree: Any, strange: Any, chance: random.Random) -> Any:
    if isinstance(tree, list) and tree and chance.random() < 0.8:
        place = chance.randrange(len(tree))
        how = chance.randrange(8)
        if how == 0:
            return tree[:place] + tree[place + 1 :]
        if how == 1:
            return [*tree, tree[place]]
        if how == 2:
            return chance.sample(tree, len(tree))
        return [*tree[:place], _changed(tree[place], strange, chance), *tree[place + 1 :]]
    if isinstance(tree, dict) and chance.random() < 0.8:
        [(name, held)] = list(tree.items())[:1] or [("", [])]
        if chance.random() < 0.4:
            return {chance.choice(_TYPES): held}
        return {name: _changed(held, strange, chance)}
    return chance.choice((*_ODD, strange, [tree], {chance.choice(_TYPES): tree}))


_MUTATIONS: tuple[Callable[[str, str, random.Random], str], ...] = (
    *(_bytes_flipped, _spliced, _repeated, _nested),
    *(_restructured, _restructured, _restructured, _restructured),
)


def _decoded(text: str) -> Any:
    """The value, in a list of one; an empty list if it is none."""
    try:
        return [values.decode(text)]
    except values.NotPlain:
        return []


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_mutated_text_is_accepted_only_if_its_value_is_equal(count: int) -> None:
    chance = random.Random(count)
    corpus = [values.encode(_made(chance, 4)) for _ in range(200)]
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        expected, other = chance.choice(corpus), chance.choice(corpus)
        actual = expected
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            mutation = chance.choice(_MUTATIONS)
            try:
                actual = mutation(actual or "0", other, chance)
            except (ValueError, RecursionError):  # no longer JSON, or too deep, for `_restructured`
                continue
        found, wanted = _decoded(actual), _decoded(expected)
        seen["a value" if found else "none"] += 1
        for rule in _RULES:
            good = accepts(rule, actual, expected)
            if rule == "truth":
                assert good == (bool(found) and bool(found[0]) == bool(wanted[0]))
            elif rule in ("value", "typed"):
                equal = bool(found) and slowly.equal(found[0], wanted[0], rule == "typed")
                assert good == equal, (rule, actual, expected)
                seen[rule] += good
            assert not accepts(rule, "", actual)
        values.show(actual)
        values.show_call("f", actual)
        took = slowly.calls(lambda a=actual, e=expected: accepts("typed", a, e))
        assert took <= 1000 + _CALLS_A_CHARACTER * (len(actual) + len(expected))
    assert min(seen["a value"], seen["none"]) > count / 10
    assert count / 10 > seen["value"] >= seen["typed"] > count / 200, seen
