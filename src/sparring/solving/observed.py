"""Evidence from the outcomes of a session: the pass matrix of its tests, and the answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from sparring.grading.answers import answer
from sparring.matrix import Bools
from sparring.schema import Outcome, Test, TestKind, Verdict
from sparring.selection.consensus import answer_numbers
from sparring.selection.evidence import Evidence
from sparring.solving.inputs import input_key, is_input_only

_ANSWERED = (Verdict.FINISHED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


def passed(outcome: Outcome | None) -> bool:
    """Return whether the execution is known to have passed its test."""
    return outcome is not None and outcome.verdict is Verdict.ACCEPTED


def observed(outcome: Outcome | None) -> bool:
    """Return whether there is an outcome: not where the budget held no execution, and not where the
    sandbox failed."""
    return outcome is not None and outcome.verdict is not Verdict.INFRA


def evidence_from(tests: Sequence[Test], outcomes: Sequence[Sequence[Outcome | None]]) -> Evidence:
    """Return the evidence of outcomes [P, T]. Tests without an expected output give answers alone.
    Of several tests with equal inputs the first gives the answers."""
    columns = [u for u, t in enumerate(tests) if not is_input_only(t)]
    first: dict[Hashable, int] = {}
    for u, test in enumerate(tests):
        first.setdefault(input_key(test), u)
    answers = [[_answer(tests[u], row[u]) for u in first.values()] for row in outcomes]
    return Evidence(
        _cells([[passed(row[u]) for u in columns] for row in outcomes], len(columns)),
        _cells([[observed(row[u]) for u in columns] for row in outcomes], len(columns)),
        answer_numbers(answers, len(first)),
    )


def _cells(rows: Sequence[Sequence[bool]], width: int) -> Bools:
    return np.array(rows, dtype=bool).reshape(len(rows), width)


def _answer(test: Test, outcome: Outcome | None) -> Hashable:
    """Return a program's answer, None if it gave none. A script has no output: a program that it
    accepts gave the right answer, and programs that fail it need not have done the same."""
    if outcome is None or outcome.verdict not in _ANSWERED:
        return None
    if test.kind is TestKind.SCRIPT and outcome.verdict is not Verdict.ACCEPTED:
        return None
    return answer(test, outcome)
