"""Test and repair: weak programs are repaired or dropped, doubtful tests are reviewed.

In the spirit of CoSPlay, arXiv 2605.23491, whose code is not public: programs and tests improve
each other by the pass matrix alone.

1. n programs and m tests with the roles' own prompts.
2. Two rounds. Each round repairs the weakest programs, then reviews the most doubtful tests:
   - The weakest quarter of the programs, if they are weaker than the best, each see the first test
     that they fail and most programs pass; the model writes a new program. It takes the old one's
     place if it is stronger; otherwise the old program is dropped, as long as two programs stay.
     A program is stronger if it passes more public tests, or as many and more generated ones.
   - A test that fewer than a quarter of the programs pass is doubtful. The model sees the result
     that most programs give and answers KEEP or a corrected test. The corrected test takes its
     place if more programs pass it; a test that no program passes is dropped.
3. Of the programs that pass the most public tests, those that pass the most tests; of these the
   largest group with equal outputs on all inputs seen; of these the first.

Parameters: n = m = 8 as in the other pipelines; two rounds and a quarter are our choice.

Not taken over: the source's first stage, which asks for ideas and attack ideas before programs and
tests, and its freshly drawn valid inputs for the groups at the end; here all inputs that were ever
written serve, those of dropped tests too.

Degenerate cases: with one program or no test there is nothing to compare and nothing is repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sparring.grading.answers import answer
from sparring.matrix import Floats
from sparring.schema import Outcome, Role, Test, Verdict
from sparring.selection import majority, tests_passed
from sparring.selection.evidence import ties_by
from sparring.solving import messages
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.inputs import inputs_of
from sparring.solving.judgements import keeps
from sparring.solving.messages import SeenFailure
from sparring.solving.observed import failed, passed
from sparring.solving.pipelines.rounds import (
    PipelineResult,
    ask_all,
    by_score,
    decided,
    most_passed,
    no_program,
    public_tests,
    readable,
    tests_of,
)
from sparring.solving.session import Session

ROUNDS = 2
PART = 4
"""One part in so many: of the programs that are weak, of the programs that a doubtful test has."""
_LEAST = 2
"""Programs that stay at least."""


def test_and_repair(session: Session) -> PipelineResult:
    """Solve the session's task; see the module's docstring."""
    session.sample(programs=session.sizes.n, tests=session.sizes.m)
    programs = readable(session.programs)
    tests = [t for t in session.tests if t.parsed.test is not None]
    if not programs:
        return no_program(session)
    for _ in range(ROUNDS):
        if session.over or len(programs) < _LEAST or not tests:
            break
        programs = repair_weakest(session, programs, tests)
        tests = review_doubtful(session, programs, tests)
    best = most_passed(session, programs, public_tests(session))
    ranked = by_score(best, _with_ties(session, best, tests))
    rule = "tests passed, ties by the largest group of equal outputs"
    return decided(session, ranked, programs, rule, tests)


test_and_repair.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for a test


def repair_weakest(
    session: Session, programs: list[ProgramCandidate], tests: Sequence[TestCandidate]
) -> list[ProgramCandidate]:
    """Return the programs after one repair of the weakest quarter."""
    public = len(public_tests(session))
    every = [*public_tests(session), *tests_of(tests)]
    rows = session.run(programs, every)
    strength_P = [_strength(row, public) for row in rows]
    passed_T = [sum(passed(row[t]) for row in rows) for t in range(len(every))]
    weakest = sorted(range(len(programs)), key=lambda p: (strength_P[p], -p))
    weakest = weakest[: max(len(programs) // PART, 1)]
    weakest = [p for p in weakest if strength_P[p] < max(strength_P)]
    asked: list[tuple[int, SeenFailure]] = []
    for p in weakest:
        places = [t for t, o in enumerate(rows[p]) if failed(o)]
        if places:
            t = max(places, key=lambda t: (passed_T[t], -t))
            outcome = rows[p][t]
            assert outcome is not None
            asked.append((p, SeenFailure(every[t], outcome)))
    replies = ask_all(
        session,
        Role.CODER,
        [messages.repair_program(session.task, programs[p].source or "", [f]) for p, f in asked],
    )
    kept: list[ProgramCandidate | None] = list(programs)
    for (p, _), reply in zip(asked, replies, strict=True):
        if reply is None:
            continue
        repaired = session.read_program(reply, "repaired", programs[p].number)
        better = False
        if repaired.source is not None:
            [row] = session.run([repaired], every)
            better = _strength(row, public) > strength_P[p]
        left = sum(x is not None for x in kept)
        kept[p] = repaired if better else (programs[p] if left <= _LEAST else None)
        step = "repaired" if better else "dropped" if kept[p] is None else "refused"
        session.note(step, f"program {programs[p].number}, repair {repaired.number}")
    return [x for x in kept if x is not None]


def review_doubtful(
    session: Session, programs: Sequence[ProgramCandidate], tests: Sequence[TestCandidate]
) -> list[TestCandidate]:
    """Return the tests after one review of those that fewer than a quarter of the programs pass."""
    columns = list(zip(*session.run(programs, tests_of(tests)), strict=True))
    asked: list[tuple[int, SeenFailure]] = []
    for t, (candidate, column) in enumerate(zip(tests, columns, strict=True)):
        test = candidate.parsed.test
        assert test is not None
        usual = _usual_outcome(test, column)
        known = all(o is not None for o in column)
        if known and usual is not None and sum(map(passed, column)) * PART < len(programs):
            asked.append((t, SeenFailure(test, usual)))
    messages_ = [messages.review_test(session.task, f, None) for _, f in asked]
    kept: list[TestCandidate | None] = list(tests)
    for (t, _), reply in zip(asked, ask_all(session, Role.TESTER, messages_), strict=True):
        if reply is None:
            continue
        old, before = tests[t], sum(map(passed, columns[t]))
        if not keeps(session.answer_text(Role.TESTER, reply)):
            new = session.read_test(reply, "refreshed", old.number)
            if new.parsed.test is not None:
                now = sum(passed(row[0]) for row in session.run(programs, [new.parsed.test]))
                if now > before:
                    kept[t] = new
                    session.note("refreshed", f"test {new.number} from {old.number}")
                    continue
        if not before:
            kept[t] = None
            session.note("dropped", f"test {old.number}: no program passes it")
    return [x for x in kept if x is not None]


def _strength(row: Sequence[Outcome | None], public: int) -> tuple[int, int]:
    """Return the number of public tests that a program passes, then of generated ones."""
    return sum(map(passed, row[:public])), sum(map(passed, row[public:]))


def _usual_outcome(test: Test, column: Sequence[Outcome | None]) -> Outcome | None:
    """Return the failed outcome with the most common answer; None where none has an answer."""
    wrong = [o for o in column if o is not None and o.verdict is Verdict.WRONG_ANSWER]
    if not wrong:
        return None
    answers = [answer(test, o) for o in wrong]
    return wrong[answers.index(Counter(answers).most_common(1)[0][0])]


def _with_ties(
    session: Session, programs: Sequence[ProgramCandidate], tests: Sequence[TestCandidate]
) -> Floats:
    """Return the rank of each program [P]: tests passed, then the size of its group of programs
    with equal outputs on every input that a test of the session ever had."""
    kept = session.evidence(programs, tests_of(tests))
    seen = session.evidence(programs, inputs_of(tests_of(session.tests)))
    return ties_by(tests_passed.scores(kept), majority.scores(seen))
