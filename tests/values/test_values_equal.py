"""When two values are the same: as Python has it, with types throughout, with a tolerance."""

from __future__ import annotations

import collections
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sparring import values
from sparring.values import decode, encode, read, same
from tests import slowly

Ordered, Counted = collections.OrderedDict, collections.Counter
# Few of each, so that equal values of several types and orders are met often.
_NUMBERS = st.sampled_from(
    [
        *(0, 1, True, False, -1, -2, -(2**61), 1.0, 0.0, -0.0, 0.5, 1e300, int(1e300), 10**300),
        *(2**128, 2.0**128, Fraction(1, 2), Fraction(1), math.nan, math.inf),
        *map(Decimal, ("1", "0.50", str(2**128), "1E+300", "nan", "inf")),
        *(1j, 1 + 0j, complex("nan+1j")),
    ]
)
_HASHED = st.recursive(
    _NUMBERS | st.sampled_from(["", "a", b"a", None, range(0), range(2, 2), range(1), range(0, 1)]),
    lambda inner: (
        st.lists(inner, max_size=2).map(tuple)
        | st.frozensets(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
    ),
    max_leaves=4,
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mapping = st.dictionaries(_HASHED, inner, max_size=3)
    pairs = st.lists(st.tuples(_HASHED, inner), max_size=3)
    return st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.lists(inner, max_size=2).map(lambda items: collections.deque(items, maxlen=2)),
        st.sets(_HASHED, max_size=3),
        mapping,
        mapping.map(lambda held: collections.defaultdict(list, held)),
        mapping.map(Counted),
        pairs.map(Ordered),
    )


_VALUES = st.recursive(_HASHED | st.just(bytearray(b"a")), _containers, max_leaves=6)
_COUNTS = st.dictionaries(_HASHED, st.integers(-1, 1), max_size=2).map(Counted)
_ORDERS = st.permutations([("a", 1), ("b", 2)]).map(Ordered)
_PAIRS = st.tuples(_VALUES, _VALUES) | st.tuples(_COUNTS, _COUNTS) | st.tuples(_ORDERS, _ORDERS)


@given(_PAIRS)
def test_same_is_what_python_calls_equal(pair: tuple[Any, Any]) -> None:
    a, b = map(encode, pair)
    expected = decode(a) == decode(b)
    assert slowly.equal(decode(a), decode(b)) == expected
    assert same(read(a), read(b)) == same(decode(a), decode(b)) == expected
    assert same(decode(a), read(b)) == expected


@given(_PAIRS)
def test_types_are_equal_throughout(pair: tuple[Any, Any]) -> None:
    a, b = map(encode, pair)
    expected = slowly.equal(decode(a), decode(b), typed=True)
    assert same(read(a), read(b), typed=True) == expected
    assert same(decode(a), decode(b), typed=True) == expected


@given(_PAIRS)
def test_a_tolerance_refuses_no_equal_values(pair: tuple[Any, Any]) -> None:
    a, b = (read(encode(value)) for value in pair)
    assert same(a, b) <= same(a, b, absolute=1e-9, relative=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "equal", "equal_typed"),
    [
        (Ordered(a=1, b=2), Ordered(b=2, a=1), False, False),
        (Ordered(a=1, b=2), Ordered(a=1, b=2), True, True),
        (Ordered(a=1, b=2), {"b": 2, "a": 1}, True, False),
        ({1}, {True}, True, False),
        ({1: 2}, {True: 2}, True, False),
        ({1: 2}, {1: 2}, True, True),
        (frozenset({(1, frozenset({2}))}), frozenset({(1, frozenset({2.0}))}), True, False),
        ({(1, (2,)): 0}, {(1, (2.0,)): 0}, True, False),
        ({1: 0, 2: 0}, {2.0: 0, 1: 0}, True, False),
        ({1: 0, 2: 0}, {2: 0, 1: 0}, True, True),
        ({0.0}, {-0.0}, True, True),
        ({range(0), range(1)}, {range(2, 2), range(0, 1, 5)}, True, True),
        (Counted({1: 2}), Counted({1.0: 2}), True, False),
        (Counted(a=0), Counted(), True, True),
        (Counted(a=0.0), Counted(), True, False),
        (Counted(a=0), {}, False, False),
        (Counted(a=-1), Counted(), False, False),
        ({math.nan}, {math.nan}, False, False),
        ({Decimal("0.5"), 1}, {Fraction(1, 2), 1.0}, True, False),
        (bytearray(b"a"), b"a", True, False),
        (range(0, 10**30, 10**29), range(0, 10**30 - 5, 10**29), True, True),
    ],
)
def test_members_keys_orders_and_counts(
    a: object, b: object, equal: bool, equal_typed: bool
) -> None:
    for x, y in ((a, b), (b, a)):
        assert same(read(encode(x)), read(encode(y))) is equal
        assert same(read(encode(x)), read(encode(y)), typed=True) is equal_typed


def test_there_is_no_tolerance_between_members_and_keys() -> None:
    assert same({"a": 1.0}, {"a": 1.1}, absolute=0.5)
    assert not same({1.0}, {1.1}, absolute=0.5)
    assert not same({1.0: 0}, {1.1: 0}, absolute=0.5)
    assert same(Counted(a=0.25), Counted(), absolute=0.5)


def test_of_equal_members_the_first_counts_and_of_equal_keys_the_last_value() -> None:
    for text in ('{"set":[1,true,{"float":"1.0"}]}', '{"dict":[[1,0],[true,5]]}'):
        held, plain = read(text), decode(text)
        assert same(held, plain, typed=True)
        assert same(plain, held, typed=True)
        assert same(held, read(text), typed=True)
    inside = read('{"set":[{"frozenset":[1,true]}]}')
    assert same(inside, {frozenset({1})}, typed=True)
    assert not same(inside, {frozenset({True})}, typed=True)


def test_what_is_too_deep_to_be_named_is_refused() -> None:
    deep: object = 1
    for _ in range(3000):
        deep = frozenset({deep})
    with pytest.raises(values.NotPlain, match="deep"):
        same(deep, deep)
    with pytest.raises(values.NotPlain, match="deep"):
        values.same_in_any_order([deep], [deep], values.WorkBudget())


def test_iterators_and_objects_equal_nothing_wherever_they_are() -> None:
    for text in ('{"iterator":[1]}', '{"object":"C"}'):
        for around in ("%s", "[%s]", '{"dict":[[1,%s]]}', '{"tuple":[%s]}'):
            held = read(around % text)
            assert bool(held)
            assert not same(held, held)
    assert not same(read('{"set":[{"iterator":[]}]}'), read('{"set":[{"iterator":[]}]}'))


def _has_counts(value: object) -> bool:
    return '"Counter"' in encode(value)


def test_sequences_in_any_order() -> None:
    def found(a: object, b: object) -> bool:
        return values.same_in_any_order(read(encode(a)), read(encode(b)), values.WorkBudget(10**6))

    assert found([1, {2: [3]}, "a"], ["a", {2: [3]}, 1.0])
    assert not found([1, 1, 2], [1, 2, 2])
    assert not found([[1], [2]], [(1,), [2]])
    assert not found([math.nan], [math.nan])
    assert not found([object()], [object()])


@given(_PAIRS)
def test_a_value_equal_in_its_order_is_equal_in_any(pair: tuple[Any, Any]) -> None:
    assume(not any(map(_has_counts, pair)))  # those that are missing have no part in their names
    a, b = ([read(encode(value)), 1] for value in pair)
    assert same(a, b) <= values.same_in_any_order(a, b[::-1], values.WorkBudget(10**6))
