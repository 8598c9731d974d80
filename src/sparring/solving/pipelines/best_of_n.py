"""One-shot and Best-of-N: what every pipeline is measured beside.

`single` takes the first program, as a model without Sparring would be used (pass@1).

`best_of_n` samples n programs and m tests with the roles' own prompts, runs every program on every
test, and chooses by a selector (Best-of-N of arXiv 2506.03136, equation 1, with another selector
where one is named). Programs that pass fewer public tests are left out first: a public test is
right by definition. Among programs that the selector finds equal the first one is chosen.

Parameters: n = m = 8 in the paper's appendix C.3, where it compares pipelines; 16 in its tables.

Degenerate cases: without a readable program there is no decision; without a readable test the
choice is among the programs that pass the most public tests, and by their outputs alone if the
selector looks at outputs, else the first one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.selection.rules import scores
from sparring.selection.selectors import WORDS, Selector
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.pipelines.rounds import (
    PipelineResult,
    by_score,
    decided,
    most_passed,
    no_program,
    public_tests,
    readable,
    tests_of,
)
from sparring.solving.session import Session


def single(session: Session) -> PipelineResult:
    """Sample one program and choose it."""
    session.sample(programs=1)
    programs = readable(session.programs[:1])
    if not programs:
        return no_program(session)
    return decided(session, programs, (), "the first program", reason="one program")


def best_of_n(session: Session, selector: Selector) -> PipelineResult:
    """Sample ``sizes.n`` programs and ``sizes.m`` tests, and choose by the selector."""
    session.sample(programs=session.sizes.n, tests=session.sizes.m)
    return choose(session, session.programs, session.tests, selector, "all sampled")


def choose(
    session: Session,
    programs: Sequence[ProgramCandidate],
    tests: Sequence[TestCandidate],
    selector: Selector,
    reason: str,
) -> PipelineResult:
    """Choose among ``programs`` by the public tests, and then by the selector on ``tests``.

    ``reason``: why sampling ended, where the session is not over.
    """
    every = readable(programs)
    if not every:
        return no_program(session)
    best = most_passed(session, every, public_tests(session))
    evidence = session.evidence(best, tests_of(tests))
    ranked = by_score(best, scores(selector, evidence))
    return decided(session, ranked, every, WORDS[selector], tests, reason)
