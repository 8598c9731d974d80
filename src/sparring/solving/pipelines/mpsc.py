"""MPSC: programs, tests and specifications that confirm each other.

Source: MPSC, arXiv 2309.17272; sizes as in the appendix C.3 of arXiv 2506.03136.

1. n programs and m tests with the roles' own prompts, and as many specifications: pairs of a
   precondition and a postcondition, written by the tester and run in the sandbox.
2. Weights of the edges. Program – test: 1 if the program passes. Specification – test: 1 if the
   precondition holds for the input and the postcondition for the expected output. Program –
   specification: the share of the inputs which the precondition allows on which the postcondition
   holds for the program's own output.
3. Scores spread over the 3-partite graph (`selection.n_partite`, with the source's start values and
   its two values of α). Of the programs that pass the most public tests the highest score wins.

Parameters: 8 + 8 + 8 (arXiv 2506.03136, C.3); 200 programs, 100 tests and 50 specifications in the
source. The specifications are as many as the tests.

Not taken over: the source asks for further plain inputs to compare programs and specifications on;
here the inputs of the tests and of the public examples serve.

Degenerate cases: an unreadable specification is left out, and one without an edge, because it
forbids every input or raises; without any the graph has programs and tests. If no test has an edge,
it has programs and specifications. Without any edge all programs score 0 and the first is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.grading.answers import given_answer
from sparring.matrix import Floats
from sparring.schema import Outcome, Role, Test, TestKind
from sparring.selection import mpsc as consistency
from sparring.selection.evidence import Evidence
from sparring.selection.mpsc import SpecificationEdges
from sparring.selection.n_partite import class_sizes, n_partite_scores
from sparring.solving import messages
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.inputs import inputs_of
from sparring.solving.observed import observed
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
from sparring.solving.specifications import (
    HeldConditions,
    condition_test,
    held,
    read_specification,
)


def mpsc(session: Session) -> PipelineResult:
    """Solve the session's task; see the module's docstring."""
    session.sample(programs=session.sizes.n, tests=session.sizes.m)
    specifications = _specifications(session, session.sizes.m)
    every = readable(session.programs)
    if not every:
        return no_program(session)
    programs = most_passed(session, every, public_tests(session))
    tests = tests_of(session.tests)
    evidence = session.evidence(programs, tests)
    edges = SpecificationEdges(
        _programs_PS(session, programs, specifications, _inputs(session, tests)),
        _tests_US(session, specifications, tests),
    )
    ranked = by_score(programs, scores(evidence, edges))
    return decided(session, ranked, every, "mutual consistency", session.tests, "all sampled")


def scores(evidence: Evidence, edges: SpecificationEdges) -> Floats:
    """Return the score of each program [P]. Specifications without an edge are left out, and all
    tests if none has an edge: a part without edges would make every start value 0."""
    joined_S = edges.programs_PS.any(axis=0) | edges.tests_US.any(axis=0)
    programs_PS, tests_US = edges.programs_PS[:, joined_S], edges.tests_US[:, joined_S]
    if not joined_S.any():
        return consistency.scores(evidence)
    if evidence.passed_PU.any() or tests_US.any():
        return consistency.scores(evidence, SpecificationEdges(programs_PS, tests_US))
    classes = [class_sizes(programs_PS), class_sizes(programs_PS.T)]
    present = [np.ones(size, dtype=bool) for size in programs_PS.shape]
    return n_partite_scores({(0, 1): programs_PS}, classes, present)[0]


def _specifications(session: Session, count: int) -> list[ProgramCandidate]:
    """Return the readable specifications as programs to run. Their numbers are below 0, because
    they are no candidates."""
    replies = session.ask(Role.TESTER, messages.specification(session.task), count)
    found: list[ProgramCandidate] = []
    refused: list[str] = []
    for k, reply in enumerate(replies):
        answer = session.answer_text(Role.TESTER, reply)
        parsed = read_specification(session.task, answer, reply.stop)
        if parsed.source is None:
            refused.append(str(parsed.failure))
        else:
            found.append(ProgramCandidate(-1 - k, reply, parsed, "specification"))
    session.note("specifications", f"{len(found)} of {count} could be read", refused=refused)
    return found


def _inputs(session: Session, tests: Sequence[Test]) -> list[Test]:
    """Return the different inputs of the tests and of the public examples."""
    every = (*public_tests(session), *tests)
    return inputs_of(t for t in every if t.kind is not TestKind.SCRIPT)


def _programs_PS(
    session: Session,
    programs: Sequence[ProgramCandidate],
    specifications: Sequence[ProgramCandidate],
    inputs: Sequence[Test],
) -> Floats:
    """Return the share of allowed inputs on which each program meets each specification [P, S].

    Without an output no postcondition holds. Whether the input is allowed is known from programs
    that have an output for it; a failure on an input that none of them shows to be allowed does not
    count.
    """
    shape = (len(specifications), len(programs), len(inputs))
    met_SPI, allowed_SI = np.zeros(shape, dtype=bool), np.zeros(shape[::2], dtype=bool)
    seen_PI = np.zeros(shape[1:], dtype=bool)
    for p, row in enumerate(session.run(programs, inputs)):
        seen_PI[p] = [observed(o) for o in row]
        questions = [_question(t, o) for t, o in zip(inputs, row, strict=True)]
        places = [i for i, question in enumerate(questions) if question is not None]
        decisions = session.run(specifications, [q for q in questions if q is not None])
        for s, outcomes in enumerate(decisions):
            for i, outcome in zip(places, outcomes, strict=True):
                met_SPI[s, p, i] = held(outcome) is HeldConditions.BOTH
                allowed_SI[s, i] |= held(outcome) in (HeldConditions.BOTH, HeldConditions.BROKEN)
    count_SP = (allowed_SI[:, None, :] & seen_PI).sum(axis=-1)
    return np.asarray((met_SPI.sum(axis=-1) / np.maximum(count_SP, 1)).T)


def _tests_US(
    session: Session, specifications: Sequence[ProgramCandidate], tests: Sequence[Test]
) -> Floats:
    """Return 1 for each test whose input and expected output meet a specification."""
    weight_US = np.zeros((len(tests), len(specifications)))
    questions = [condition_test(t, t.output) for t in tests]
    places = [u for u, question in enumerate(questions) if question is not None]
    asked = [q for q in questions if q is not None]
    for s, outcomes in enumerate(session.run(specifications, asked)):
        for u, outcome in zip(places, outcomes, strict=True):
            weight_US[u, s] = held(outcome) is HeldConditions.BOTH
    return weight_US


def _question(test: Test, outcome: Outcome | None) -> Test | None:
    """Return what a specification decides about a program's outcome; None without an output."""
    if outcome is None or given_answer(test, outcome) is None:
        return None
    return condition_test(test, outcome.output)
