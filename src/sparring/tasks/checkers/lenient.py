"""Relation of a refused output to the expected one: the same answer in another form, or not.

- Reference solutions that print 0.1 for 0.10000000001, or lines in another order, show that the
  task has several right answers, and that its checker accepts one of them.
- If a lenient rule accepts the output, that rule is named. If the values are the same but no rule
  accepts them, the relation is described.
- Outputs that differ in other ways may both be right too. Only the writer of the task knows this,
  unless the statement says that any answer is allowed (`allows_several_answers`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparring import values
from sparring.schema import TestKind
from sparring.tasks.checkers.checker import CheckerRule, accepts, parse_checker

_TEXT_RULES = ("tokens", "float", "float(abs=1e-4, rel=1e-4)", "unordered")
_CALL_RULES = ("value", "value(abs=1e-6, rel=1e-6)", "value(abs=1e-4, rel=1e-4)")
_ASKED = r"(print|output|return|report|give|display|write|find|choose|produce|provide|construct)"
_ANSWER = (
    r"((correct|possible|valid|optimal|right|such|other|of the|of these) )*"
    r"(answers?|solutions?|outputs?|results?)"
)
_KINDS = r"(valid|such|possible|correct|suitable|permutation|order)"
_ALLOWED = r"(will do|will be|is|are|can be|may be|should be)"
_OPEN = re.compile(
    rf"\b{_ASKED}s? ((out|it|one|the|your) )*any( one)?"
    rf"( of (them|these|those|the)\b| {_KINDS}\b|\s*[.;,)]|\s*\Z)"
    rf"|\bany (one )?(of (them|these|those)|{_ANSWER}) {_ALLOWED}\b"
    r"|\bany (one )?of the (most|longest|shortest|largest|smallest|best|optimal)\b"
    rf"|\b(several|multiple|(?<!how )many|more than one) {_ANSWER}"
    rf"|\b{_ASKED}\b[^.;]*\bin any order|\border (of .{{1,40}} )?does not matter"
    rf"|\b{_ANSWER} in any order",
    re.IGNORECASE,
)
"""Phrases that allow any of several answers. "divisible by any of the primes", "if there is any
valid move" and "numbers, given in any order" do not match, because they ask for one answer."""


@dataclass(frozen=True, slots=True)
class LenientChecker:
    """Relation between two outputs, and the rule that accepts both.

    ``checker`` is None if no rule accepts both, so that only a checker program could.
    """

    how: str
    checker: str | None


def allows_several_answers(statement: str) -> bool:
    """Return True if a statement says that several answers are right."""
    return _OPEN.search(statement) is not None


def lenient_checker(
    checker: str, actual: str, expected: str, kind: TestKind
) -> LenientChecker | None:
    """Return the relation under which ``actual`` is ``expected``, though ``checker`` refuses it.

    Returns None for unrelated outputs, and for scripts and checker programs.
    """
    rule = parse_checker(checker).rule
    if kind is TestKind.SCRIPT or rule is CheckerRule.PROGRAM:
        return None
    for other in _CALL_RULES if kind is TestKind.CALL else _TEXT_RULES:
        if other != checker and accepts(other, actual, expected):
            return LenientChecker(f"equal under {other}", other)
    if kind is TestKind.CALL:
        return _same_values(actual, expected)
    a, e = actual.split(), expected.split()
    if len(e) > 1 and sorted(a) == sorted(e):
        return LenientChecker("the same values in another order", None)
    if [t.lower() for t in a] == [t.lower() for t in e] and e:
        return LenientChecker("equal except for upper and lower case", None)
    return None


def _same_values(actual: str, expected: str) -> LenientChecker | None:
    """Return the relation of two sequences that hold equal values in another order, or None."""
    work = values.WorkBudget(len(actual) + len(expected))
    try:
        a, e = values.read(actual, work), values.read(expected, work)
        if not (isinstance(a, (list, tuple)) and isinstance(e, (list, tuple)) and len(e) > 1):
            return None
        if not values.same_in_any_order(a, e, work):
            return None
    except values.NotPlain:
        return None
    return LenientChecker("the same values in another order", None)
