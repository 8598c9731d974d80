"""What LiveCodeBench's harness accepts, worked out by hand from its ``testing_util.py``.

Printed text: ``grade_stdio`` strips the whole and each line, divides at line feeds, wants as many
lines, and takes a line that is equal or whose words are all equal numbers to `decimal.Decimal`.
Values: ``grade_call_based`` makes an outer tuple a list and asks ``==`` of the JSON value.
"""

from __future__ import annotations

import decimal
import json
from collections import OrderedDict, deque
from typing import Any

import pytest

from sparring import values
from sparring.tasks.checkers.checker import accepts, parse_checker
from sparring.tasks.formats.livecodebench import read_livecodebench
from tests.tasks.test_livecodebench import STDIN, case, row, sealed

PRINTED = [
    # printed, expected, accepted
    ("0.5", "0.50", True),
    ("2.0", "2", True),
    ("2", "2.0\n", True),
    ("1e3", "1000", True),
    ("+7", "07", True),
    ("-0", "0", True),
    ("1_000", "1000", True),  # Decimal takes underscores
    ("\uff11\uff12", "12", True),  # … and digits of any script
    ("Infinity", "inf", True),
    ("0.1", "0.10000000000000001", False),  # no tolerance
    ("0.30000000000000004", "0.3", False),
    ("50000000000000000", "50000000000000001", False),
    ("nan", "nan", True),  # the same text
    ("nan", "NaN", False),  # as numbers no NaN equals another
    ("sNaN 1", "sNaN 1.0", False),  # == raises
    ("0x10", "16", False),
    ("1,5", "1.5", False),
    ("1  2", "1 2", True),  # words of numbers
    ("1\t2", "1 2", True),
    ("a  b", "a b", False),  # words that are none
    ("x 0.50", "x 0.5", False),  # one word that is no number
    ("1 2 3", "1 2\n3", False),
    ("1\n2\n3", "1 2\n3", False),  # case 08: three lines for two
    ("1\n\n2", "1\n2", False),  # a blank line inside counts
    ("\n\n1\n2\n\n", "1\n2", True),  # at the ends it does not
    (" 1 \n  2", "1\n2", True),
    ("YES\r\nNO\r\n", "YES\nNO", True),  # a carriage return is white space at an end
    ("a\rb", "a\nb", False),  # … and no line end
    ("a\x0bb", "a\nb", False),
    ("yes", "YES", False),
    ("", "", True),
    ("\n ", "", True),
    ("", "0", False),
    ("1 2", "1", False),
    ("1 2", "2 1", False),
    ("1\n2 x", "1.0\n2 x", True),  # each line by itself
    ("\ud800", "1", False),
    ("\ud800 1", "\ud800 1", True),
]

RETURNED: list[tuple[Any, str, bool]] = [
    # returned, expected as the set has it, accepted
    ((1, 2), "[1, 2]", True),
    ([1, 2], "[1, 2]", True),
    ((), "[]", True),
    ([(1, 2)], "[[1, 2]]", False),  # the outermost alone
    (((1, 2),), "[[1, 2]]", False),
    (([1, 2],), "[[1, 2]]", True),
    ([[1], (2,)], "[[1], [2]]", False),
    (True, "1", True),
    (1, "true", True),
    (1.0, "1", True),
    ([1.0, 2], "[1, 2.0]", True),
    (0.1 + 0.2, "0.3", False),  # no tolerance
    (float("inf"), "Infinity", True),
    (float("nan"), "NaN", False),
    (None, "null", True),
    (None, "false", False),
    (0, "null", False),
    ("ab", '"ab"', True),
    ("1", "1", False),
    ({1, 2}, "[1, 2]", False),
    (deque([1, 2]), "[1, 2]", False),
    (range(2), "[0, 1]", False),
    ({"a": 1}, '{"a": 1.0}', True),
    (OrderedDict(b=1, a=2), '{"a": 2, "b": 1}', True),
    ({1: 2}, '{"1": 2}', False),
    ([1, 2, 3], "[1, 2]", False),
    ([], "[]", True),
    ([], "null", False),
    (2**70, str(2**70), True),
    (object(), "1", False),
]


@pytest.mark.parametrize(("printed", "expected", "good"), PRINTED)
def test_printed_text(printed: str, expected: str, good: bool) -> None:
    assert accepts("livecodebench", printed, expected) is good


@pytest.mark.parametrize(("returned", "expected", "good"), RETURNED)
def test_returned_values(returned: object, expected: str, good: bool) -> None:
    wanted = values.encode(json.loads(expected))
    assert accepts("livecodebench_value", values.encode(returned), wanted) is good


def test_a_tuple_that_a_written_test_expects_is_a_list() -> None:
    for returned in ([1, 2], (1, 2)):
        assert accepts("livecodebench_value", values.encode(returned), values.encode((1, 2)))


def test_no_context_of_the_caller_changes_a_verdict() -> None:
    with decimal.localcontext(decimal.Context(prec=2, traps=[])):
        assert not accepts("livecodebench", "1.001", "1.002")
        assert not accepts("livecodebench", "x 1", "x 1.0")
        assert not accepts("livecodebench", "sNaN", "snan")


def test_long_numbers_are_compared_to_the_last_digit() -> None:
    long = "1" + "0" * 1_000_000
    assert accepts("livecodebench", long, "1e1000000")
    assert not accepts("livecodebench", long[:-1] + "1", "1e1000000")
    assert not accepts("livecodebench", "1e999999999", "1e-999999999")


def test_rows_of_both_kinds_are_compared_as_the_harness_does() -> None:
    function, _ = read_livecodebench(row(), "here", None)
    program, _ = read_livecodebench(row(**STDIN), "here", None)
    assert function is not None
    assert program is not None
    assert (function.checker, program.checker) == ("livecodebench_value", "livecodebench")
    assert parse_checker(function.checker).of_calls
    assert not parse_checker(program.checker).of_calls


def test_the_whole_set_is_not_packed() -> None:
    """``code_generation`` has its private tests as JSON text; ``_lite`` packs them."""
    tests = json.dumps([case("1\n", "2", "stdin")])
    plain, _ = read_livecodebench(row(**STDIN | {"private_test_cases": tests}), "here", None)
    packed, _ = read_livecodebench(
        row(**STDIN | {"private_test_cases": sealed(json.loads(tests))}), "here", None
    )
    assert plain is not None
    assert packed is not None
    assert plain.tests == packed.tests
