"""AlphaCodium: programs after reasoning about public tests, then repairs with tests as anchors.

Source: AlphaCodium, arXiv 2401.08500; parameters as in the appendix C.3 of arXiv 2506.03136.

1. n programs, each after reasoning about the public tests in the same response.
2. m tests with the tester's own prompt.
3. Two rounds on the public tests, then two on the generated tests. In a round each program that
   fails a test sees the first such test and its own result, and the model answers with a new
   program. On a generated test the model may answer KEEP instead: it finds the test wrong. A
   program is asked about a generated test once.
4. A new program takes the place of the old one only if it passes the test that it was shown, and
   every *anchor*: each public test, and each generated test before the shown one, that the old
   program passes.
5. Of the programs at the end, those that pass the most public tests compete by the selector on the
   generated tests.

Parameters: n = m = 8, 2 + 2 rounds, the model decides whether to repair (arXiv 2506.03136, C.3).
The source has 6 tests, at most 4 repairs on public tests and one per generated test, and follows
one program.

Not taken over: the source's separate calls for a reflection, for several plans and their ranking,
because each costs a request that a sampled program could have; its double check of generated tests
(switched off in its code); its YAML form of answers. It follows one program, C.3 follows eight, so
the choice at the end is added here.

Degenerate cases: without public tests step 1 asks for the approach alone, and the rounds on public
tests do not happen; without generated tests neither do the others. Where the message of step 1 gets
no reply, because it is too long for the model, programs are sampled with the coder's own prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sparring.schema import Role, Test
from sparring.selection.selectors import Selector
from sparring.solving import messages
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.judgements import keeps
from sparring.solving.messages import SeenFailure
from sparring.solving.observed import passed
from sparring.solving.pipelines.best_of_n import choose
from sparring.solving.pipelines.rounds import (
    PipelineResult,
    ask_all,
    first_failure,
    public_tests,
    readable,
    tests_of,
)
from sparring.solving.session import Session

PUBLIC_ROUNDS, GENERATED_ROUNDS = 2, 2
REPAIRED = "repaired"


@dataclass(slots=True)
class RepairedProgram:
    """A program with its repairs: the version that counts, and the places of the generated tests
    that it was asked about."""

    current: ProgramCandidate
    asked: set[int] = field(default_factory=set)


def alphacodium(session: Session, selector: Selector) -> PipelineResult:
    """Solve the session's task; see the module's docstring."""
    public = public_tests(session)
    message = messages.reasoned_program(session.task, public)
    for reply in session.ask(Role.CODER, message, session.sizes.n):
        session.read_program(reply, "reasoned")
    session.sample(programs=0 if session.programs else session.sizes.n, tests=session.sizes.m)
    lines = [RepairedProgram(p) for p in readable(session.programs)]
    generated = tests_of(session.tests)
    for _ in range(PUBLIC_ROUNDS):
        repair_round(session, lines, public)
    for _ in range(GENERATED_ROUNDS if generated else 0):
        repair_round(session, lines, public, generated)
    return choose(session, [x.current for x in lines], session.tests, selector, "all rounds done")


def repair_round(
    session: Session,
    lines: Sequence[RepairedProgram],
    public: Sequence[Test],
    generated: Sequence[Test] = (),
) -> None:
    """Ask for one repair of each program that fails a test, and keep repairs that break no anchor.

    With ``generated`` tests the repairs are about these, and the model may keep the program.
    """
    tests, may_keep = [*public, *generated], bool(generated)
    first = len(public) if may_keep else 0
    if not tests[first:] or not lines or session.over:
        return
    outcomes = session.run([x.current for x in lines], tests)
    asked: list[tuple[RepairedProgram, int, list[int], SeenFailure]] = []
    for line, row in zip(lines, outcomes, strict=True):
        skipped = line.asked | set(range(first))
        if (found := first_failure(tests, row, skipped)) is not None:
            place, failure = found
            anchors = [t for t in range(max(place, len(public))) if passed(row[t])]
            asked.append((line, place, anchors, failure))
            if may_keep:
                line.asked.add(place)
    replies = ask_all(
        session,
        Role.CODER,
        [
            messages.repair_program(session.task, x.current.source or "", [failure], may_keep)
            for x, _, _, failure in asked
        ],
    )
    for (line, place, anchors, _), reply in zip(asked, replies, strict=True):
        if reply is None:
            continue
        if may_keep and keeps(session.answer_text(Role.CODER, reply)):
            session.note("kept", f"program {line.current.number}: test {place} is found wrong")
            continue
        repaired = session.read_program(reply, REPAIRED, line.current.number)
        if repaired.source is None:
            continue
        needed = [*anchors, place]
        [row] = session.run([repaired], [tests[t] for t in needed])
        if all(map(passed, row)):
            line.current = repaired
        session.note(
            "repaired" if line.current is repaired else "refused",
            f"program {repaired.number} from {repaired.parent}, about test {place}",
            anchors=len(anchors),
            passed=sum(map(passed, row)),
        )
