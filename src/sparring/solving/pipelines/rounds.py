"""Parts that several pipelines share: public tests, failures, and the ends of a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Floats
from sparring.policy.chat.base import ChatReply
from sparring.schema import Outcome, Role, Test
from sparring.solving.candidates import ProgramCandidate, Solution, TestCandidate
from sparring.solving.messages import SeenFailure
from sparring.solving.observed import failed, passed
from sparring.solving.session import Session


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """Decision of a pipeline, and the numbers of the tests that it holds at its end."""

    solution: Solution
    tests: tuple[int, ...] = ()


def public_tests(session: Session) -> list[Test]:
    """Return the tests that a solution has to pass: public examples, then the user's own."""
    return [*session.task.examples, *session.task.tests]


def readable(programs: Iterable[ProgramCandidate]) -> list[ProgramCandidate]:
    """Return the programs that have a source."""
    return [p for p in programs if p.source is not None]


def tests_of(candidates: Iterable[TestCandidate]) -> list[Test]:
    """Return the tests that could be read."""
    return [c.parsed.test for c in candidates if c.parsed.test is not None]


def first_failure(
    tests: Sequence[Test], outcomes: Sequence[Outcome | None], leave_out: Iterable[int] = ()
) -> tuple[int, SeenFailure] | None:
    """Return the place and the failure of the first test that failed; None without one."""
    skipped = set(leave_out)
    for place, (test, outcome) in enumerate(zip(tests, outcomes, strict=True)):
        if place not in skipped and outcome is not None and failed(outcome):
            return place, SeenFailure(test, outcome)
    return None


def ask_all(session: Session, role: Role, messages: Sequence[str]) -> list[ChatReply | None]:
    """Ask different messages at once; None where there is no reply. Without messages nothing is
    asked."""
    return session.ask_each(role, messages) if messages else []


def most_passed(
    session: Session, programs: Sequence[ProgramCandidate], tests: Sequence[Test]
) -> list[ProgramCandidate]:
    """Return the programs that pass the most of the tests; all of them without tests."""
    if not tests or not programs:
        return list(programs)
    counts = [sum(map(passed, row)) for row in session.run(programs, tests)]
    return [p for p, count in zip(programs, counts, strict=True) if count == max(counts)]


def by_score(programs: Sequence[ProgramCandidate], score_P: Floats) -> list[ProgramCandidate]:
    """Return the programs with the highest score first, and equal ones in their order."""
    return [programs[p] for p in np.argsort(-score_P, kind="stable")]


def decided(
    session: Session,
    best: Sequence[ProgramCandidate],
    others: Iterable[ProgramCandidate],
    chosen_by: str,
    tests: Iterable[TestCandidate] = (),
    reason: str = "all rounds done",
) -> PipelineResult:
    """Return the decision for the first of ``best``, with the ``others`` ranked behind them.

    ``tests``: those that the pipeline holds. ``reason``: why it ended, where the session is not
    over.
    """
    ranked = dict.fromkeys(p.number for p in (*best, *others))
    return PipelineResult(
        Solution(best[0].number, chosen_by, session.ended_by or reason, ranked=tuple(ranked)),
        tuple(t.number for t in tests if t.parsed.test is not None),
    )


def no_program(session: Session) -> PipelineResult:
    """Return the decision where no program can be read."""
    return PipelineResult(Solution(None, "", session.ended_by or "no program could be read"))
