"""Repairing: programs that fail a test are sent back with the failure; the answers are candidates.

A round takes the best programs of different text. Each is shown one test that it fails: a
binding test or a public example or, if it fails none of these, a generated test that the consensus
of the programs passes (`selection.consensus.consensus_tests`). The new program is a candidate like
any other: it is run on everything, and it is chosen only if the rule prefers it. The program that
it began with stays a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.schema import Role, Test
from sparring.selection.consensus import consensus_tests
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.deciding import Choice, choose
from sparring.solving.messages import SeenFailure, repair_program
from sparring.solving.observed import failed
from sparring.solving.session import Session
from sparring.text import listed

PROGRAMS = 4
"""Most programs that one round sends back."""


def repair(session: Session, choice: Choice) -> Choice:
    """Repair the best programs, in at most ``session.sizes.repairs`` rounds; return the choice
    afterwards. A round without a program to send back is the last."""
    seen: set[tuple[str | None, Test]] = set()
    for _ in range(session.sizes.repairs):
        failing = _failing(session, choice, seen)
        if not failing or session.over:
            break
        replies = session.ask_each(
            Role.CODER,
            [repair_program(session.task, p.source or "", [f]) for p, f in failing],
        )
        numbers = []
        for (program, failure), reply in zip(failing, replies, strict=True):
            seen.add((program.source, failure.test))
            if reply is not None:
                repaired = session.read_program(reply, "repaired", program.number)
                numbers.append(repaired.number)
        session.note(
            "repair",
            f"sent {listed([f'P{p.number}' for p, _ in failing])} back, each with a failed test",
            programs=[p.number for p, _ in failing],
            repaired=numbers,
        )
        choice = choose(session)
    return choice


def _failing(
    session: Session, choice: Choice, seen: set[tuple[str | None, Test]]
) -> list[tuple[ProgramCandidate, SeenFailure]]:
    """Return the best programs that fail a test, each with the first such test that it was not
    shown before. Of programs with equal text only the first is taken."""
    trusted = [*session.task.tests, *session.task.examples, *_consensus(session)]
    failing: list[tuple[ProgramCandidate, SeenFailure]] = []
    sources = set[str | None]()
    for program in choice.ranked:
        if len(failing) == PROGRAMS:
            break
        if program.source in sources:
            continue
        sources.add(program.source)
        [row] = session.run([program], trusted)
        for test, outcome in zip(trusted, row, strict=True):
            if outcome is not None and failed(outcome) and (program.source, test) not in seen:
                failing.append((program, SeenFailure(test, outcome)))
                break
    return failing


def _consensus(session: Session) -> Sequence[Test]:
    """Return the generated tests that the consensus of the readable programs passes."""
    tests = [t.parsed.test for t in session.tests if t.parsed.test is not None]
    evidence = session.evidence(tests=tests)
    if not tests or not evidence.programs:
        return []
    kept = consensus_tests(evidence.passed_PU, evidence.observed_PU)
    return [test for test, keep in zip(tests, kept, strict=True) if keep]
