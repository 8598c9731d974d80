"""Rollout record of a session, in the format of `grading.record`, under step 0.

`sparring show` and `sparring report` read it like the record of an evaluation's task. There is no
ground truth. The binding tests take its place where the user gave any, because the user says that
they decide; without them it is unknown which programs are correct. Nothing was rewarded: rewards
are None, advantages 0. Public examples and inputs without an expected output have fields of their
own, with the outcomes of each program.

An execution that the budget did not hold is recorded as NOT_RUN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.grading.entries import (
    generated_record,
    outcome_record,
    pairs_of,
    reading_record,
    response_record,
)
from sparring.rewards.advantages import DropReason
from sparring.runs.groups import passes_all
from sparring.schema import Outcome, Response, Role, Test, Verdict
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.session import Session

_NOT_RUN = Outcome(Verdict.NOT_RUN)
_INVALID = Outcome(Verdict.INVALID)


def rollout(session: Session, chosen: int | None) -> dict[str, Any]:
    """Return the record of all candidates and of every outcome."""
    task = session.task
    return {
        "step": 0,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": pairs_of(task.tests),
            "hidden": [],
            "examples": pairs_of(task.examples),
            "inputs": pairs_of(session.inputs),
            "checker": task.checker,
            **({} if task.entry_point is None else {"entry_point": task.entry_point}),
            "source": task.source,
            "has_reference": False,
            "reference": [],
            "checker_leniency": [0, 0],
        },
        "solve": {"chosen": chosen},
        "programs": [_program(session, p) for p in session.programs],
        "tests": [_test(session, t) for t in session.tests],
        "dropped": dict.fromkeys(Role, DropReason.SOLVE),
    }


def _program(session: Session, program: ProgramCandidate) -> dict[str, Any]:
    task = session.task
    binding = _row(session, program, task.tests)
    generated = [
        _INVALID if t.parsed.test is None else _row(session, program, [t.parsed.test])[0]
        for t in session.tests
    ]
    return {
        **_response(session, Role.CODER, program),
        "source": program.source,
        "failure": program.parsed.failure,
        **reading_record(program.parsed),
        "origin": program.origin,
        "parent": program.parent,
        "correct": passes_all([o.verdict for o in binding]),
        "reward": None,
        "terms": {},
        "advantage": 0.0,
        "runs": [outcome_record(o) for o in (*binding, *generated)],
        "hidden_runs": [],
        "example_runs": [outcome_record(o) for o in _row(session, program, task.examples)],
        "input_runs": [outcome_record(o) for o in _row(session, program, session.inputs)],
    }


def _test(session: Session, test: TestCandidate) -> dict[str, Any]:
    return {
        **_response(session, Role.TESTER, test),
        **generated_record(test.parsed),
        "origin": test.origin,
        "parent": test.parent,
        "valid": test.parsed.test is not None,
        "refused": None,
        "right": None,
        "reference": None,
        "accepts_correct": False,
        "rightness": 0.0,
        "caught": 0.0,
        "missed": 0.0,
        "reward": None,
        "terms": {},
        "advantage": 0.0,
    }


def _response(
    session: Session, role: Role, one: ProgramCandidate | TestCandidate
) -> dict[str, Any]:
    reply = one.reply
    response = Response(session.task.id, role, one.number, (), (), (), reply.stop, reply.text)
    return {
        **response_record(response),
        "tokens": [reply.prompt_tokens, reply.completion_tokens],
    }


def _row(session: Session, program: ProgramCandidate, tests: Sequence[Test]) -> list[Outcome]:
    [row] = session.seen([program], tests)
    return [_NOT_RUN if outcome is None else outcome for outcome in row]
