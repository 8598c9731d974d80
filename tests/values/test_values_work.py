"""What a text of a program's costs whoever reads and compares it: no more than its length allows.

Nothing here looks at a clock. Calls are counted, and what `WorkBudget` counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from sparring import values
from sparring.schema import TestKind
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.checkers.lenient import lenient_checker
from sparring.values import Held, NotPlain, WorkBudget, decode, encode, read, same
from sparring.values.naming import ValueNames
from tests import slowly

P = 2**61 - 1
"""Numbers that differ by a multiple of it have one hash."""
_CALLS_A_CHARACTER = 12


def _of(kind: str, items: list[str]) -> str:
    return f'{{"{kind}":[{",".join(items)}]}}'


def _pairs_of(items: list[str]) -> list[str]:
    return [f"[{item},1]" for item in items]


def _nested(width: int, deep: int, numbers: Iterator[int]) -> str:
    """Frozensets of frozensets, at the bottom of which are numbers with one hash."""
    if not deep:
        return str(next(numbers) * P + 5)
    return _of("frozenset", [_nested(width, deep - 1, numbers) for _ in range(width)])


def _shared(count: int) -> str:
    """Frozensets of frozensets that differ in one number only, all of one hash."""

    def inner(last: int) -> str:
        return _of("frozenset", [str(k * P + 5) for k in (*range(30), last)])

    same_in_all = [inner(1000 + k) for k in range(10)]
    return _of("set", [_of("frozenset", [*same_in_all, inner(2000 + k)]) for k in range(count)])


FAMILIES: dict[str, Callable[[int], str]] = {
    "ints of one hash": lambda n: _of("set", [str(k * P + 5) for k in range(n)]),
    "long ints of one hash": lambda n: _of("set", [str(10**99 + k * P) for k in range(n)]),
    "keys of one hash": lambda n: _of("dict", _pairs_of([str(k * P + 5) for k in range(n)])),
    "frozensets of one hash": lambda n: _of(
        "set", [_nested(3, 3, iter(range(27 * i, 27 * i + 27))) for i in range(n // 27 + 1)]
    ),
    "frozensets that share": lambda n: _shared(n // 99 + 2),
    "fractions of one hash": lambda n: _of(
        "set", [f'{{"Fraction":[{k * P + 1},2]}}' for k in range(0, 2 * n, 2)]
    ),
    "decimals of one hash": lambda n: _of(
        "set", [f'{{"Decimal":"{pow(10, -k, P)}E+{k}"}}' for k in range(1, n)]
    ),
    "all kinds of numbers": lambda n: _of(
        "Counter",
        _pairs_of(
            [
                f % k
                for k in range(n)
                for f in ('{"float":"%d.5"}', '{"Decimal":"%d.5"}', '{"complex":["%d","1"]}')
            ]
        ),
    ),
    "tuples of ints of one hash": lambda n: _of(
        "set", [_of("tuple", [str(k * P + 7), "1"]) for k in range(n)]
    ),
    "frozensets, deep": lambda n: '{"frozenset":[1,2,' * 190 + "3" + "]}" * 190 if n else "",
    "tuples and frozensets, deep": lambda n: _of(
        "set", ['{"frozenset":[{"tuple":[' * 90 + str(k) + "]}]}" * 90 for k in range(n // 99)]
    ),
    "dicts, deep": lambda n: '{"dict":[[1,' * 195 + "3" + "]]}" * 195 if n else "",
    "lists, deep": lambda n: _of("tuple", ["[" * 190 + "]" * 190] * (n // 9)),
    "nothing in sets": lambda n: _of("tuple", ['{"set":[]}'] * n),
    "not numbers": lambda n: _of("set", ['{"float":"nan"}'] * n),
    "one number, often": lambda n: _of("set", ["1"] * n),
}


@pytest.mark.parametrize("rule", ["value", "typed", "value(abs=1e-6)"])
@pytest.mark.parametrize("family", FAMILIES)
def test_calls_grow_with_the_length_and_not_faster(family: str, rule: str) -> None:
    made = FAMILIES[family]
    sizes = []
    for n in (200, 400, 800):
        text = made(n)
        count = slowly.calls(lambda text=text: accepts(rule, text, text + " "))
        assert count <= 1000 + _CALLS_A_CHARACTER * len(text)
        sizes.append((len(text), count))
    assert slowly.calls(lambda: values.show(text)) <= 1000 + _CALLS_A_CHARACTER * len(text)
    for (short, few), (long, many) in pairwise(sizes):
        assert many <= 1000 + 1.3 * few * long / short


def test_comparing_asks_no_hash_table_of_pythons_for_numbers() -> None:
    """Numbers of different hashes can be made to fill one slowly too, by their low bits alone."""
    text = _of("dict", [f"[{k << 20},{_of('set', [str(k << 140)])}]" for k in range(50)])
    held = read(text)
    assert _kinds(held) <= {Held, list, int, type(None)}
    names = ValueNames(WorkBudget())
    names.of(held)
    for table in (names._names, names._numbers):
        assert set(map(type, table)) <= {str}
    assert set(map(type, names.keys(held))) == {str}


def _kinds(value: Any) -> set[type]:
    if isinstance(value, Held):
        return {Held} | _kinds(value.parts) | _kinds(value.values)
    if isinstance(value, (list, tuple)):
        return set().union({type(value)}, *map(_kinds, value))
    return {type(value)}


LONG = "f" * 10**5


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (f'{{"int":"0x{LONG}"}}', f'{{"Decimal":"{10**3000}"}}'),
        ('{"Decimal":"1E+99999"}', f'{{"int":"{hex(10**99999)}"}}'),
    ],
    ids=["another magnitude", "int and decimal"],
)
def test_long_numbers_are_converted_within_the_budget(actual: str, expected: str) -> None:
    for a, b in ((actual, expected), (expected, actual)):
        assert not accepts("value", a, b)
        work = WorkBudget(len(a) + len(b))
        try:
            same(read(a, work), read(b, work), work=work)
        except NotPlain:
            assert work.spent > work.limit


@pytest.mark.parametrize(
    "text",
    [
        f'{{"Fraction":[{{"int":"0x{LONG}"}},{{"int":"0x{LONG}1"}}]}}',
        f'{{"range":[0,{{"int":"0x{LONG}"}},{{"int":"0x{LONG[::2]}"}}]}}',
    ],
    ids=["fraction", "range"],
)
def test_long_numbers_are_divided_within_the_budget(text: str) -> None:
    for reader in (read, decode):
        with pytest.raises(NotPlain, match="too long numbers"):
            reader(text)


HONEST: dict[str, Any] = {
    "a list of ints": list(range(10**5)),
    "a dict": {str(k): [k, k / 2] for k in range(2 * 10**4)},
    "a set of tuples": {(k, str(k)) for k in range(2 * 10**4)},
    "a set of ints": set(range(10**5)),
    "pairs of one hash": {k + j * P for k in range(1, 1001) for j in (0, 1)},
    "minus one and minus two": [{-1, -2}, {-1: 0, -2: 0}] * 100,
    "a hundred of one hash": {k * P for k in range(100)},
    "powers of two": {2**k for k in range(1000)} | {2.0**-k for k in range(1, 1000)},
    "shares of powers": {Fraction(1, 3**k) for k in range(300)},
    "decimals of 1,000 digits": {Decimal(10**1000 + k) for k in range(100)},
    "decimals in a list": [Decimal(10**1000 + k) for k in range(100)],
    "ints of 10**5 digits": [7**118_000, {7**118_000}],
    "fractions of long ints": Fraction(7**9000, 3**9000),
    "a long exponent": {Decimal("1E+100000"), Decimal("-1E-100000")},
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_value_is_within_its_budget(name: str) -> None:
    value, text = HONEST[name], encode(HONEST[name])
    assert decode(text) == value
    for rule in ("value", "typed", "value(rel=1e-9)"):
        assert accepts(rule, text, text)
    other = encode([value, 0])
    assert not accepts("value", text, other)


def test_a_decimal_is_compared_with_an_int_of_its_length() -> None:
    for digits in (100, 1000, 5000):
        assert accepts("value", encode(10**digits + 1), encode(Decimal(10**digits + 1)))
        assert not accepts("value", encode(10**digits + 1), encode(Decimal(10**digits)))
        assert accepts("value", encode({10**digits + 1}), encode({Decimal(10**digits + 1)}))


def test_work_that_is_spent_is_refused_with_the_reason() -> None:
    work = WorkBudget(100)
    work.spend(10**4)
    with pytest.raises(NotPlain, match="hash"):
        work.spend(10**4)
    assert WorkBudget(10**6).limit > WorkBudget(10**5).limit > work.limit


def test_the_same_values_in_another_order_are_found_without_trying_all_pairs() -> None:
    items = list(range(2000))
    random.Random(0).shuffle(items)
    text, other = (encode([[k] for k in one]) for one in (items, sorted(items)))
    relation = lenient_checker("value", text, other, TestKind.CALL)
    assert relation is not None
    assert relation.checker is None
    assert slowly.calls(lambda: lenient_checker("value", text, other, TestKind.CALL)) <= 12 * len(
        text
    )


def test_a_value_as_deep_as_any_is_compared_from_deep_within_the_program() -> None:
    def below(frames: int, function: Callable[[], bool]) -> bool:
        return below(frames - 1, function) if frames else function()

    for start in ((), [], frozenset(), {}):
        value: Any = start
        for _ in range(values.MAX_DEPTH - 1):
            value = {1: value} if isinstance(value, dict) else type(start)([value])
        text = encode(value)
        assert below(200, lambda text=text: accepts("typed", text, text))
