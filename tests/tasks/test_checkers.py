"""Checkers: what each accepts, and how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.tasks.checkers.checker import accepts, parse_checker

BIG = 10**17


@pytest.mark.parametrize(
    ("checker", "actual", "expected", "good"),
    [
        ("float", "0.333333\n", "0.3333333", True),
        ("float", "0.33", "0.3333333", False),
        ("float(abs=0.01)", "0.33", "0.3333333", True),
        ("float(0.01)", "0.33", "0.3333333", True),
        ("float(abs=0, rel=0.1)", "110 x", "100.0 x", True),
        ("float(abs=0, rel=0.1)", "111 x", "100.0 x", False),
        ("float", f"{BIG}", f"{BIG + 1}", False),  # between integers there is no tolerance
        ("float", "100000000.5", "100000001.0", True),  # 1e-6 of it is 100: as asked
        ("float(abs=1e-6, rel=0)", "100000000.5", "100000001.0", False),
        ("float", "nan", "0.0", False),
        ("float", "nan", "nan", True),  # the same text
        ("float", "inf", "1e400", False),
        ("float", "1_0", "10.0", False),
        ("float", "0x10", "16.0", False),
        ("float", "1 2", "1", False),
        ("float", "3", "3.0", True),
        ("float", "+3", "03", True),
        ("float", "1" * 500 + ".0", "1" * 499 + "2.0", False),
        ("unordered", "b 1\n\na  2\n", "a 2\nb 1", True),
        ("unordered", "a\na\nb", "a\nb\nb", False),
        ("unordered", "2 a", "a 2", False),
        ("tokens", "1\n2", " 1 2 ", True),
        ("lines", "1\n2", "1 2", False),
    ],
)
def test_what_a_checker_accepts(checker: str, actual: str, expected: str, good: bool) -> None:
    assert accepts(checker, actual, expected) is good


@pytest.mark.parametrize(
    ("checker", "actual", "expected", "good"),
    [
        ("value", 1, 1.0, True),
        ("typed", 1, 1.0, False),
        ("typed", [1, (2,)], [1, (2,)], True),
        ("value(abs=0.1)", [1.0], [1.05], True),
        ("typed(abs=0.1)", [1.0], [1.05], True),
        ("typed(abs=0.1)", [1], [1.05], False),
        ("value", [1.0], [1.05], False),
        ("truth", 5, True, True),
        ("truth", [], True, False),
        ("truth", None, False, True),
        ("truth", object(), False, False),
    ],
)
def test_values_of_calls(checker: str, actual: object, expected: object, good: bool) -> None:
    assert accepts(checker, values.encode(actual), values.encode(expected)) is good


def test_no_output_is_no_value() -> None:
    assert not accepts("value", "", values.encode(None))
    assert not accepts("truth", "", values.encode(False))


@pytest.mark.parametrize(
    "text",
    [
        "nope",
        "tokens(1)",
        "float(x)",
        "float(abs=)",
        "float(-1)",
        "float(nan)",
        "float(1, 2, 3)",
        "float(tol=1)",
        "float(abs=inf)",
        "",
        "float(",
        "float)",
    ],
)
def test_a_checker_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"checker"):
        parse_checker(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tokens", "tokens"),
        ("float", "float(abs=1e-06, rel=1e-06)"),
        ("float(1e-3)", "float(abs=0.001, rel=0)"),
        ("float(0, 1e-3)", "float(abs=0, rel=0.001)"),
        ("float(rel=0.5)", "float(abs=0, rel=0.5)"),
        ("value", "value"),
        ("typed(abs=0.5)", "typed(abs=0.5, rel=0)"),
    ],
)
def test_a_checker_writes_itself_so_that_it_reads_the_same(text: str, written: str) -> None:
    assert str(parse_checker(text)) == written
    assert parse_checker(written) == parse_checker(text)


@given(st.text(), st.sampled_from(["tokens", "lines", "exact", "float", "unordered"]))
def test_every_output_equals_itself(text: str, checker: str) -> None:
    assert accepts(checker, text, text)


def test_long_outputs_take_linear_time() -> None:
    for checker in ("float", "unordered", "tokens"):
        assert accepts(checker, "1.5 \n" * 200_000, "1.5\n" * 200_000)
        assert not accepts(checker, "9" * 10**6, "9" * (10**6 - 1) + "8")
