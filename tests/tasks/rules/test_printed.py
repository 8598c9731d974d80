"""Expected verdicts, worked out from the harnesses' own code: a row for each of its steps."""

from __future__ import annotations

import pytest

from sparring.tasks.checkers.checker import accepts

APPS = [
    ("5\n", "5", True),  # stripped as a whole
    ("  5  \n 6\n", "5\n6", True),  # each line stripped
    ("5\n\n6\n", "5\n6", True),  # empty lines are left out before lines are compared
    ("5\n6\n", "5\n\n6\n", True),
    ("0.33333333\n", "0.3333333", True),  # as many numbers, numpy's default tolerance
    ("1e3\n", "1000", True),
    ("3\n1\n2\n", "1\n2\n3", True),  # the set of lines
    ("2 1\n", "1 2", True),  # a line is the set of its words
    ("1 1 2\n", "2 1", True),
    ("1\n1\n", "1", True),
    ("1.0004 2\n", "1.00041 2.0", True),  # numbers of three decimals
    ("1.001\n", "1.002", False),
    ("1 2\n", "1\n2", False),  # two lines are not one
    ("yes\n", "YES", False),
    ("", "1", False),
    ("nan\n", "nan", True),  # equal as text
    ("nan x\n", "x  nan", True),
    ("nan 1\n", "1.0 nan", False),  # NaN equals nothing
    ("1 a\n", "1.0 a", False),  # a word that is no number: no rounding
]
TACO = [
    ("5\n", "5", True),
    ("  5 \n\n", "5\n", True),
    ("50 \n60\n", "50\n60", False),  # inner lines are not stripped, nor is the text split
    ("3 5\n", "5\n3", True),  # but words of one character are lines of one word
    ("12\n", "1 2", True),  # and the characters of a word are the words of a line
    ("12 34\n", "3 4\n1 2", True),
    ("10 20\n", "20\n10", False),
    ("0.33333333\n", "0.3333333", False),  # no tolerance: characters are no numbers
    ("12", "1\n2", True),  # without a line end its characters are as many numbers
    ("12\n", "1\n2", False),
    ("1 1 2\n", "1\n2", True),
    ("yes\n", "YES", False),
    ("", "1", False),
]
CODECONTESTS = [
    ("1  2\n3\n", "1 2 3", True),
    ("YES\n", "Yes", True),
    ("É\n", "é", False),  # only the letters of ASCII have a case here
    ("0.000001\n", "0", True),
    ("1.00001\n", "1", False),  # below 1e-5, not at it
    ("1.000009\n", "1", True),
    ("10000000000000001\n", "10000000000000000", True),  # doubles, also for whole numbers
    ("1 2\n", "1 2 3", False),
    ("1_0\n", "10", False),  # C++ reads no underscores
    ("1\f2\n", "1 2", False),  # a form feed does not part words
    ("1\v2\n", "1 2", True),
    ("inf x\n", "INF x", True),
    ("inf 1.0\n", "inf 1", False),  # inf - inf is below nothing
    ("+1.5e1\n", "15", True),
    ("abc\n", "abd", False),
    ("", "", True),
]


@pytest.mark.parametrize(
    ("rule", "actual", "expected", "right"),
    [("apps", *row) for row in APPS]
    + [("taco", *row) for row in TACO]
    + [("codecontests", *row) for row in CODECONTESTS],
)
def test_printed_text_is_compared_as_its_harness_does(
    rule: str, actual: str, expected: str, right: bool
) -> None:
    assert accepts(rule, actual, expected) is right


@pytest.mark.parametrize("rule", ["apps", "taco", "codecontests"])
def test_no_text_breaks_a_rule_or_takes_long(rule: str) -> None:
    for actual in ("9" * 200_000, "1e999999 " * 1000, "\ud800 \x00", "nan " * 1000, "\n" * 1000):
        for expected in ("1", actual, "1 2\n3"):
            assert accepts(rule, actual, expected) in (True, False)
