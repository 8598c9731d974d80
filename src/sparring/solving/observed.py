"""Evidence from the outcomes of a session: the pass matrix of its tests, and the answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from sparring.grading.answers import given_answer, input_key
from sparring.matrix import Bools
from sparring.schema import Outcome, Test, Verdict
from sparring.selection.consensus import answer_numbers
from sparring.selection.evidence import Evidence
from sparring.solving.inputs import is_input_only

_NOT_FAILED = (Verdict.ACCEPTED, Verdict.INFRA, Verdict.NOT_RUN, Verdict.INVALID)


def passed(outcome: Outcome | None) -> bool:
    """Return whether the execution is known to have passed its test."""
    return outcome is not None and outcome.verdict is Verdict.ACCEPTED


def failed(outcome: Outcome | None) -> bool:
    """Return whether the execution is known to have failed its test. What was not executed, or
    failed with the sandbox, is neither passed nor failed."""
    return outcome is not None and outcome.verdict not in _NOT_FAILED


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
    answers = [[given_answer(tests[u], row[u]) for u in first.values()] for row in outcomes]
    return Evidence(
        _cells([[passed(row[u]) for u in columns] for row in outcomes], len(columns)),
        _cells([[observed(row[u]) for u in columns] for row in outcomes], len(columns)),
        answer_numbers(answers, len(first)),
    )


def _cells(rows: Sequence[Sequence[bool]], width: int) -> Bools:
    return np.array(rows, dtype=bool).reshape(len(rows), width)
