"""solve.json: the decision of a session with everything it follows from, as JSON-able data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sparring.grading.entries import pairs_of
from sparring.runs.session import KIND
from sparring.schema import Role, Test
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence
from sparring.solving.candidates import ProgramCandidate, Solution
from sparring.solving.observed import evidence_from, observed, passed
from sparring.solving.problem_record import task_record
from sparring.solving.session import STOPPED, Session
from sparring.version import __version__


def result_record(
    session: Session,
    solution: Solution,
    models: Mapping[Role, Mapping[str, Any]],
    strategy: str,
) -> dict[str, Any]:
    """Return the whole record of a session that has ended."""
    return {
        "kind": KIND,
        "version": 1,
        "sparring": __version__,
        "task": task_record(session.task),
        "models": {role: dict(model) for role, model in models.items()},
        "strategy": strategy,
        "sizes": asdict(session.sizes),
        "budget": asdict(session.options.budget),
        "over": session.ended_by,
        "stopped": session.ended_by == STOPPED,
        "decision": decision_record(session, solution),
        "steps": [{"step": s.step, "text": s.text, **s.facts} for s in session.steps],
        "costs": {**asdict(session.spending.costs), "tokens": session.spending.costs.tokens},
    }


def decision_record(session: Session, solution: Solution) -> dict[str, Any]:
    """Return the decision alone: equal to the byte where the session is replayed."""
    chosen = None if solution.chosen is None else session.programs[solution.chosen]
    threshold = session.options.threshold
    return {
        "chosen": solution.chosen,
        "program": chosen and chosen.source,
        "origin": chosen and chosen.origin,
        "chosen_by": solution.chosen_by,
        "reason": solution.reason,
        "sure": solution.sure,
        "threshold": threshold,
        "abstained": abstains(solution, threshold),
        "ranked": list(solution.ranked),
        "programs": _counts([p.source is not None for p in session.programs]),
        "tests": _counts([t.parsed.test is not None for t in session.tests]),
        "inputs": pairs_of(session.inputs),
        "chosen_on": {} if chosen is None else _outcomes(session, chosen),
        "agree": 0 if chosen is None else _agreeing(session, chosen),
    }


def abstains(solution: Solution, threshold: float) -> bool:
    """Return whether nothing is claimed for the decision: there is no program, or its probability
    of being right is unknown or below the threshold. With threshold 0 any program will do."""
    if solution.chosen is None:
        return True
    return threshold > 0 and (solution.sure is None or solution.sure < threshold)


def _counts(readable: Sequence[bool]) -> dict[str, int]:
    return {"sampled": len(readable), "readable": sum(readable)}


def _outcomes(session: Session, program: ProgramCandidate) -> dict[str, Any]:
    """Return how the chosen program does on the tests of each kind."""
    generated = [t.parsed.test for t in session.tests if t.parsed.test is not None]
    kinds: tuple[tuple[str, Sequence[Test]], ...] = (
        ("binding", session.task.tests),
        ("examples", session.task.examples),
        ("generated", generated),
    )
    numbers = [t.number for t in session.tests if t.parsed.test is not None]
    record = {}
    for kind, tests in kinds:
        [row] = session.seen([program], tests)
        names = numbers if kind == "generated" else list(range(len(tests)))
        record[kind] = {
            "passed": [n for n, o in zip(names, row, strict=True) if passed(o)],
            "failed": [n for n, o in zip(names, row, strict=True) if observed(o) and not passed(o)],
            "unknown": [n for n, o in zip(names, row, strict=True) if not observed(o)],
        }
    return record


def seen_evidence(session: Session) -> Evidence:
    """Return the evidence of the readable programs that was seen, running nothing for it."""
    programs = [p for p in session.programs if p.source is not None]
    tests = [*(t.parsed.test for t in session.tests if t.parsed.test), *session.inputs]
    return evidence_from(tests, session.seen(programs, tests))


def _agreeing(session: Session, program: ProgramCandidate) -> int:
    """Return the number of other readable programs with the same answers to all inputs."""
    programs = [p.number for p in session.programs if p.source is not None]
    answers = seen_evidence(session).answers_PI
    own = answers[programs.index(program.number)]
    same = (answers == own).all(axis=1) & (own != NONE).any()
    return max(0, int(same.sum()) - 1)
