"""Checkers: named rules that compare an output with the expected one.

- A checker decides every reward, so that its name and `VERSION` are part of every score.
- Outputs may be large and need not be valid text: all rules take linear time, and accept lone
  surrogates.
- A value that takes more than a constant time per character (`values.WorkBudget`) is not accepted.
- A checker is written as its name, with options in brackets: ``float(abs=1e-6, rel=1e-9)``.
- ``program`` is a checker of the task's own: a program that runs in the sandbox
  (``grading.comparison``). `accepts` cannot execute it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sparring import values
from sparring.tasks.checkers.rules import livecodebench, printed, valued

VERSION = "3"


class CheckerRule(StrEnum):
    """Rule by which an output is accepted."""

    TOKENS = "tokens"
    """Equal after splitting at white space: CURE's rule."""
    LINES = "lines"
    """Equal line by line, apart from white space at line ends and blank lines at the end."""
    EXACT = "exact"
    """Equal character by character."""
    FLOAT = "float"
    """As ``tokens``, except that two numbers may differ by ``abs``, or by ``rel`` times the
    expected number, unless both are whole numbers. Options: abs and rel, 1e-6 by default."""
    UNORDERED = "unordered"
    """As ``tokens`` line by line, with the lines in any order; blank lines do not count."""
    VALUE = "value"
    """For calls: the values are equal by ``==`` (1 and 1.0 are equal, a list and a tuple are not).
    Options: abs and rel, a tolerance between floats, 0 by default; members of sets and keys of
    dicts have no tolerance."""
    TYPED = "typed"
    """For calls: as ``value``, with equal types throughout, including members of sets and keys of
    dicts. The same options."""
    TRUTH = "truth"
    """For calls: the value is as true or false as the expected one, as in ``assert f(x)``."""
    LIVECODEBENCH = "livecodebench"
    """Printed text as LiveCodeBench's harness compares it: line by line, with numbers compared as
    numbers (`rules.livecodebench`)."""
    LIVECODEBENCH_VALUE = "livecodebench_value"
    """For calls, as LiveCodeBench's harness compares values: as ``value``, where a returned tuple
    counts as the list of its items."""
    PROGRAM = "program"
    """The task's own program decides."""
    # Rules of data sets' own harnesses; `rules` has the details of each.
    APPS = "apps"
    TACO = "taco"
    CODECONTESTS = "codecontests"
    UNWRAPPED = "unwrapped"
    """For calls of APPS and TACO: ``[4]`` is right for ``[[4]]``, and tuples are lists."""
    EVALPLUS = "evalplus"
    """For calls of EvalPlus. Option: abs, the tolerance of EvalPlus's harness."""
    ALLCLOSE = "allclose"
    """For calls: as ``value``, or near by numpy's ``allclose``. Options: abs and rel."""
    MEMBERS = "members"
    """For calls of EvalPlus: the same set of members. Option: abs."""
    NOT_NONE = "not_none"
    """For calls of EvalPlus: the value is None, or is not None, as expected."""
    ANY_OF = "any_of"
    """For calls: the value equals one of the values in the expected list."""
    RETURNED = "returned"
    """For calls of EvalPlus: any value, as long as the call returns."""


_OF_CALLS = (
    CheckerRule.VALUE, CheckerRule.TYPED, CheckerRule.TRUTH, CheckerRule.UNWRAPPED,
    CheckerRule.EVALPLUS, CheckerRule.ALLCLOSE, CheckerRule.MEMBERS, CheckerRule.NOT_NONE,
    CheckerRule.ANY_OF, CheckerRule.RETURNED, CheckerRule.LIVECODEBENCH_VALUE,
)  # fmt: skip
_DEFAULTS = {CheckerRule.FLOAT: 1e-6, CheckerRule.VALUE: 0.0, CheckerRule.TYPED: 0.0}
_DEFAULTS |= {CheckerRule.EVALPLUS: 0.0, CheckerRule.ALLCLOSE: 0.0, CheckerRule.MEMBERS: 0.0}
_FORM = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*\Z", re.S)
_OPTION = re.compile(r"\s*(?:(abs|rel)\s*=\s*)?([-+\w.]+)\s*\Z")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z", re.A)
_WHOLE = re.compile(r"[-+]?\d+\Z", re.A)
_LONGEST_NUMBER = 400


@dataclass(frozen=True, slots=True)
class Checker:
    """A rule with its options."""

    rule: CheckerRule
    absolute: float = 0.0
    relative: float = 0.0

    @property
    def of_calls(self) -> bool:
        """Return True if the rule compares values of calls rather than printed text."""
        return self.rule in _OF_CALLS

    def __str__(self) -> str:
        if self.rule not in _DEFAULTS or (
            self.absolute == self.relative == 0.0 and self.rule is not CheckerRule.FLOAT
        ):
            return self.rule.value
        return f"{self.rule.value}(abs={self.absolute:g}, rel={self.relative:g})"


@cache
def parse_checker(text: str) -> Checker:
    """Return the checker of ``name`` or ``name(abs=…, rel=…)``.

    Raises `ValueError` for an unknown name or option.
    """
    match = _FORM.match(text)
    names = ", ".join(CheckerRule)
    if not match or match[1] not in list(CheckerRule):
        raise ValueError(f"unknown checker {text!r}; there are {names}")
    rule = CheckerRule(match[1])
    if match[2] is not None and rule not in _DEFAULTS:
        raise ValueError(f"checker {rule.value} takes no options")
    options = dict.fromkeys(("abs", "rel"), _DEFAULTS.get(rule, 0.0))
    if match[2] and match[2].strip():
        order = iter(("abs", "rel"))
        options = dict.fromkeys(options, 0.0)
        for part in match[2].split(","):
            option = _OPTION.match(part)
            name = option[1] or next(order, None) if option else None
            try:
                value = float(option[2]) if option else math.nan
            except ValueError:
                value = math.nan
            if name is None or not (math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"checker {text!r}: {part!r} is not an option; the options are abs=NUMBER and "
                    "rel=NUMBER, at least 0"
                )
            options[name] = value
    return Checker(rule, options["abs"], options["rel"])


def accepts(checker: str | Checker, actual: str, expected: str) -> bool:
    """Return True if the checker accepts the output ``actual`` for ``expected``.

    Raises `ValueError` for an unknown checker, and for ``program``.
    """
    checker = parse_checker(checker) if isinstance(checker, str) else checker
    match checker.rule:
        case CheckerRule.TOKENS:
            return actual.split() == expected.split()
        case CheckerRule.LINES:
            return _lines(actual) == _lines(expected)
        case CheckerRule.EXACT:
            return actual == expected
        case CheckerRule.FLOAT:
            return _near(actual.split(), expected.split(), checker)
        case CheckerRule.UNORDERED:
            return _bag(actual) == _bag(expected)
        case CheckerRule.LIVECODEBENCH:
            return livecodebench.printed(actual, expected)
        case CheckerRule.APPS:
            return printed.apps(actual, expected)
        case CheckerRule.TACO:
            return printed.taco(actual, expected)
        case CheckerRule.CODECONTESTS:
            return printed.codecontests(actual, expected)
        case CheckerRule.PROGRAM:
            raise ValueError("the checker is a program, which only the sandbox can execute")
        case _:
            return _same_value(actual, expected, checker)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _bag(text: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(line.split()) for line in text.split("\n") if line.strip())


def _near(actual: list[str], expected: list[str], checker: Checker) -> bool:
    return len(actual) == len(expected) and all(
        a == e or _near_numbers(a, e, checker) for a, e in zip(actual, expected, strict=True)
    )


def _near_numbers(actual: str, expected: str, checker: Checker) -> bool:
    if max(len(actual), len(expected)) > _LONGEST_NUMBER:
        return False
    if not (_NUMBER.match(actual) and _NUMBER.match(expected)):
        return False
    if _WHOLE.match(actual) and _WHOLE.match(expected):
        return int(actual) == int(expected)  # +1 and 01 equal 1; integers have no tolerance
    a, e = float(actual), float(expected)
    distance = abs(a - e)
    return math.isfinite(distance) and distance <= max(checker.absolute, checker.relative * abs(e))


def _same_value(actual: str, expected: str, checker: Checker) -> bool:
    work = values.WorkBudget(len(actual) + len(expected))
    try:
        value, expected_value = values.read(actual, work), values.read(expected, work)
        match checker.rule:
            case CheckerRule.TRUTH:
                return bool(value) == bool(expected_value)
            case CheckerRule.UNWRAPPED:
                return valued.unwrapped(value, expected_value, work)
            case CheckerRule.EVALPLUS:
                return valued.evalplus(value, expected_value, checker.absolute, work)
            case CheckerRule.ALLCLOSE:
                return valued.near(value, expected_value, checker.absolute, checker.relative, work)
            case CheckerRule.MEMBERS:
                return valued.members(value, expected_value, checker.absolute, work)
            case CheckerRule.NOT_NONE:
                return valued.not_none(value, expected_value)
            case CheckerRule.ANY_OF:
                return valued.any_of(value, expected_value, work)
            case CheckerRule.LIVECODEBENCH_VALUE:
                value, expected_value = (
                    livecodebench.returned(value),
                    livecodebench.returned(expected_value),
                )
            case CheckerRule.RETURNED:
                return True
        return values.same(
            value,
            expected_value,
            absolute=checker.absolute,
            relative=checker.relative,
            typed=checker.rule is CheckerRule.TYPED,
            work=work,
        )
    except values.NotPlain:
        return False
