"""Comparison: outputs and values that are equal to the expected ones, differ from them, or may be
taken either way.

The first two are judged. What graders may take either way follows from a choice, such as a
tolerance for numbers; the card records it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sparring.graders.case import CaseKind, GraderCase, Submission, call, script, stdin

_LONG = "\n".join(map(str, range(1000)))
_HUGE = 10**400
_DIGITS = "7" * 6000

# Name: expected output, printed output.
_SAME = {
    "the same text": ("1 2\n3\n", "1 2\n3\n"),
    "no newline at the end": ("1 2\n3\n", "1 2\n3"),
    "a newline more at the end": ("1 2\n3", "1 2\n3\n"),
    "two thousand characters in a line": ("x" * 2000, "x" * 2000),
    "a thousand lines": (_LONG, _LONG),
    "the word nan": ("nan\n", "nan\n"),
    "the word inf": ("inf 1\n", "inf 1\n"),
    "an integer of 6,000 digits": (_DIGITS, _DIGITS),
    "other letters": ("größer 漢字\n", "größer 漢字\n"),
    "nothing": ("", ""),
    "a backslash and n": ("a\\nb\n", "a\\nb\n"),
}
_DIFFERENT = {
    "another number": ("10\n", "11\n"),
    "nothing printed": ("10\n", ""),
    "something where nothing is expected": ("", "10\n"),
    "the first line only": ("1\n2\n", "1\n"),
    "a line too many": ("1\n2\n", "1\n2\n3\n"),
    "the last of a thousand lines": (_LONG, _LONG[:-1] + "0"),
    "lines in another order": ("1\n2\n", "2\n1\n"),
    "numbers in another order": ("1 2 3\n", "3 2 1\n"),
    "numbers joined": ("1 2\n", "12\n"),
    "a number without its sign": ("-5\n", "5\n"),
    "the expected text within other text": ("7\n", "The answer is 7, or 17\n"),
    "a prefix": ("1234\n", "123\n"),
    "integers one apart, of ten digits": ("1000000007\n", "1000000008\n"),
    "integers one apart, of 17 digits": ("12345678901234567\n", "12345678901234568\n"),
    "integers beyond all floats": (f"{_HUGE}\n", f"{_HUGE * 10}\n"),
    "a tenth": ("0.5\n", "0.6\n"),
    "an error's name for an expected error": ("error: boom\n", ""),
    "a word for a number": ("1\n", "one\n"),
    "zeros for a number": ("1\n", "0\n"),
    "not a number for a number": ("1.5\n", "nan\n"),
}
_OPEN = {
    "letters in another case": ("YES\n", "yes\n"),
    "1.0 for 1": ("1\n", "1.0\n"),
    "1e3 for 1000": ("1000\n", "1e3\n"),
    "a seventh digit": ("0.333333333\n", "0.3333334\n"),
    "a twelfth digit": ("0.333333333333\n", "0.333333333334\n"),
    "half a unit in 100 million": ("100000001.0\n", "100000000.5\n"),
    "spaces at the ends of lines": ("1 2\n3\n", "1 2 \n3  \n"),
    "spaces at the beginnings of lines": ("1\n2\n", " 1\n 2\n"),
    "two spaces between numbers": ("1 2\n", "1  2\n"),
    "a newline for a space": ("1 2\n", "1\n2\n"),
    "a blank line between": ("1\n2\n", "1\n\n2\n"),
    "007 for 7": ("7\n", "007\n"),
    "-0 for 0": ("0\n", "-0\n"),
    "True for 1": ("1\n", "True\n"),
    "brackets of a tuple for a list": ("[1, 2]\n", "(1, 2)\n"),
    "double quotes for single": ("['a']\n", '["a"]\n'),
    "Windows line ends": ("1\n2\n", "1\r\n2\r\n"),
    "right, then exit status 1": ("1\n", None),
    "right, then an exception": ("1\n", None),
}
_PROGRAMS = {
    "right, then exit status 1": "import sys\nprint(1)\nsys.exit(1)",
    "right, then an exception": "print(1)\nraise ValueError('late')",
    "an error's name for an expected error": "raise ValueError('boom')",
}

# Name: expected value, source of the returned value.
_SAME_VALUES: dict[str, tuple[Any, str]] = {
    "a number": (10, "10"),
    "a list of lists": ([[1, 2], [], [3]], "[[1, 2], [], [3]]"),
    "a dictionary in another order": ({"a": 1, "b": [2]}, "{'b': [2], 'a': 1}"),
    "none": (None, "None"),
    "an empty list": ([], "[]"),
    "an empty text": ("", "''"),
    "a text with quotes": ('it\'s "so"\n', "'it\\'s \"so\"\\n'"),
    "other letters": ("größer 漢字", "'größer 漢字'"),
    "an integer of 22 digits": (2**70, "2 ** 70"),
    "a float to the last digit": (0.30000000000000004, "0.1 + 0.2"),
    "true": (True, "1 == 1"),
}
_DIFFERENT_VALUES: dict[str, tuple[Any, str]] = {
    "another number": (10, "11"),
    "none for a number": (10, "None"),
    "none for false": (False, "None"),
    "a text for a number": (1, "'1'"),
    "a number for a text": ("1", "1"),
    "a list in another order": ([1, 2], "[2, 1]"),
    "a list too short": ([1, 2], "[1]"),
    "a list too long": ([1, 2], "[1, 2, 3]"),
    "a number in a list": (1, "[1]"),
    "an integer of 22 digits, one off": (2**70, "2 ** 70 + 1"),
    "integers one apart, of 17 digits": (12345678901234567, "12345678901234568"),
    "a text of the list": ([1, 2], "'[1, 2]'"),
    "not a number": (1.5, "float('nan')"),
    "letters in another case": ("Yes", "'yes'"),
    "a space at the end": ("a", "'a '"),
    "an empty list for none": (None, "[]"),
}
_OPEN_VALUES: dict[str, tuple[Any, str]] = {
    "true for 1": (1, "True"),
    "1.0 for 1": (1, "1.0"),
    "the last digit of a float": (0.3, "0.1 + 0.2"),
    "a tuple for a list": ([1, 2], "(1, 2)"),
    "a range for a list": ([0, 1], "range(2)"),
    "a set for a list": ([1, 2], "{1, 2}"),
    "a subclass of int": (3, "__import__('enum').IntEnum('E', {'A': 3}).A"),
}


def cases() -> Iterator[GraderCase]:
    """Yield comparisons of outputs, then of values, as calls and as scripts."""
    for pairs, right in ((_SAME, True), (_DIFFERENT, False), (_OPEN, None)):
        for name, (expected, printed) in pairs.items():
            tests = stdin({"1\n": expected})
            program = _PROGRAMS.get(name) or _printing(printed or "")
            companion = {
                True: Submission(_printing(expected + "\nmore"), tests),
                False: Submission(_printing(expected), tests),
            }
            yield GraderCase(
                CaseKind.COMPARISON,
                f"output: {name}",
                (Submission(program, tests),),
                right,
                None if right is None else companion[right],
            )
    for values, right in ((_SAME_VALUES, True), (_DIFFERENT_VALUES, False), (_OPEN_VALUES, None)):
        for name, (value, source) in values.items():
            for form in (call, script):
                if right is None and form is script:
                    continue  # a script compares by itself
                function_tests = form([((1,), value)])
                other = "'another'" if right else repr(value)
                yield GraderCase(
                    CaseKind.COMPARISON,
                    f"value: {name}",
                    (Submission(_returning(source), function_tests),),
                    right,
                    None if right is None else Submission(_returning(other), function_tests),
                )


def _printing(text: str) -> str:
    return f"import sys\nsys.stdout.write({text!r})"


def _returning(source: str) -> str:
    return f"def f(n):\n    return {source}"
