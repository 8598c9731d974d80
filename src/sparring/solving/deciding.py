"""Deciding: one program of a session, by its binding tests, public examples, and a selector.

Programs are ranked in tiers. A program that fails a binding test or a public example is below every
program that fails fewer: binding tests come first, then examples. A test that was not executed
counts half: its program is below those that passed it and above those that failed it. Within a tier
the selector ranks the programs by the evidence of that tier alone; programs that are known to be
wrong have no vote. Programs that the selector finds equal keep the order of their numbers.

The probability of being right is that of `selection.confidence`, from the evidence of all sampled
programs and the chosen one. Other repaired programs do not count in it, because they are no samples
of their own. It is 0 for a program that is known to fail a binding test or a public example. Where
no program gave a value there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Floats
from sparring.schema import Outcome
from sparring.selection import default
from sparring.selection.confidence import probability
from sparring.selection.evidence import Evidence
from sparring.selection.rules import scores
from sparring.selection.selectors import WORDS
from sparring.solving.candidates import ProgramCandidate, Solution
from sparring.solving.observed import observed, passed
from sparring.solving.session import Session

_Tier = tuple[float, float]
"""Failed binding tests and failed examples; an unknown outcome counts half."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Choice among the readable programs of a session.

    ``ranked``: the programs, best first. ``best``: those of the first tier, in the order of their
    numbers, with their ``evidence`` and their ``scores`` under the rule. ``sure``: the probability
    that the first is right, None where it is unknown.
    """

    ranked: tuple[ProgramCandidate, ...]
    best: tuple[ProgramCandidate, ...]
    evidence: Evidence
    scores: Floats
    rule: str
    sure: float | None

    def solution(self, reason: str) -> Solution:
        """Return the decision. ``reason``: why sampling ended."""
        numbers = tuple(p.number for p in self.ranked)
        chosen = numbers[0] if numbers else None
        return Solution(chosen, self.rule, reason, self.sure, numbers)


def choose(session: Session) -> Choice:
    """Choose among the readable programs, running what has not run yet: binding tests and examples
    first, then the generated tests on the best tier, then on the others."""
    selector = session.options.select or default.SELECTOR
    programs = [p for p in session.programs if p.source is not None]
    tiers = _tiers(session, programs)
    order = sorted(set(tiers))
    by_tier = [[p for p, t in zip(programs, tiers, strict=True) if t == tier] for tier in order]
    ranked: list[ProgramCandidate] = []
    first: tuple[Evidence, Floats] | None = None
    for members in by_tier:
        evidence = session.evidence(members)
        score_P = scores(selector, evidence)
        first = first or (evidence, score_P)
        ranked += [members[i] for i in np.argsort(-score_P, kind="stable")]
    if first is None:
        first = (session.evidence([]), np.zeros(0))
    return Choice(
        tuple(ranked),
        tuple(by_tier[0]) if by_tier else (),
        *first,
        WORDS[selector],
        _sure(session, ranked),
    )


def _tiers(session: Session, programs: Sequence[ProgramCandidate]) -> list[_Tier]:
    binding = session.run(programs, session.task.tests)
    examples = session.run(programs, session.task.examples)
    return [(_failed(b), _failed(e)) for b, e in zip(binding, examples, strict=True)]


def _failed(outcomes: Sequence[Outcome | None]) -> float:
    failed = 0.0
    for outcome in outcomes:
        if not observed(outcome):
            failed += 0.5
        elif not passed(outcome):
            failed += 1.0
    return failed


def _sure(session: Session, ranked: Sequence[ProgramCandidate]) -> float | None:
    """Return the probability that the first of the ranked programs is right."""
    if not ranked:
        return None
    first = ranked[0]
    [row] = session.seen([first], [*session.task.tests, *session.task.examples])
    numbers = sorted(p.number for p in ranked if p.parent is None or p is first)
    evidence = session.evidence([session.programs[n] for n in numbers])
    sure = probability(evidence, numbers.index(first.number), session.options.calibration)
    fails = any(observed(outcome) and not passed(outcome) for outcome in row)
    return 0.0 if fails and sure is not None else sure
