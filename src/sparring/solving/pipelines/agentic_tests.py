"""Agentic test generation: tests that are run and reviewed before they count.

Source: the appendix C.3 of arXiv 2506.03136, after ChatTester (arXiv 2305.04207) and ChatUniTest
(arXiv 2305.04764).

1. n programs with the coder's own prompt; m tests. *Task-derived*: with the tester's own prompt,
   from the statement alone. *Function-specific*: the message shows a program too; the k-th test
   belongs to program k modulo n.
2. At most three rounds. Each test runs on its program. A test that the program passes is done. For
   one that fails, the model sees the program's result (and the program, if function-specific) and
   answers with KEEP, or with a corrected test, which takes its place. A test that could not be read
   is written anew.
3. The choice among the programs is Best-of-N's, by the selector on the tests at the end.

The pipeline is measured by the share of its tests that are right by the reference solution; the
choice shows what better tests are worth.

Parameters: three rounds (C.3). n and m are those of the session.

Differs: in C.3 the function-specific setting shows the ground-truth program. Here no ground truth
is known, so the message shows a sampled program, which may be wrong; the message therefore asks for
the result that the problem asks for. The sources test real projects, with compilation errors of a
build; here a test is one input and its output.

Degenerate cases: without a readable program no test can run: task-derived tests stay as written,
and there are no function-specific ones.
"""

from __future__ import annotations

from enum import StrEnum

from sparring.schema import Role
from sparring.selection.selectors import Selector
from sparring.solving import messages
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.judgements import keeps
from sparring.solving.pipelines.best_of_n import choose
from sparring.solving.pipelines.rounds import (
    PipelineResult,
    ask_all,
    first_failure,
    no_program,
    readable,
)
from sparring.solving.session import Session

ROUNDS = 3
REFINED = "refined"


class TestView(StrEnum):
    """What the tester's messages show beside the statement."""

    __test__ = False  # pytest must not take this for a test class

    TASK_DERIVED = "task_derived"
    """Nothing; a review shows the program's result."""
    FUNCTION_SPECIFIC = "function_specific"
    """A program."""


def agentic_tests(session: Session, view: TestView, selector: Selector) -> PipelineResult:
    """Solve the session's task; see the module's docstring."""
    session.sample(programs=session.sizes.n)
    programs = readable(session.programs)
    if view is TestView.TASK_DERIVED:
        session.sample(tests=session.sizes.m)
    elif programs:
        _tests_of_programs(session, programs, session.sizes.m)
    if not programs:
        return no_program(session)
    tests = list(session.tests)
    settled: set[int] = set()
    for _ in range(ROUNDS):
        if session.over or len(settled) == len(tests):
            break
        review_round(session, programs, tests, settled, view)
    return choose(session, session.programs, tests, selector, "all rounds done")


def review_round(
    session: Session,
    programs: list[ProgramCandidate],
    tests: list[TestCandidate],
    settled: set[int],
    view: TestView,
) -> None:
    """Run each test that is not settled on its program, ask about those that fail, and replace
    corrected tests in place. ``settled``: places of tests that need no further review."""
    asked: list[tuple[int, str]] = []
    for k, candidate in enumerate(tests):
        if k in settled:
            continue
        program = programs[k % len(programs)]
        shown = program.source if view is TestView.FUNCTION_SPECIFIC else None
        if (test := candidate.parsed.test) is None:
            why = str(candidate.parsed.failure).replace("_", " ")
            asked.append((k, messages.rewrite_test(session.task, why, shown)))
            continue
        [row] = session.run([program], [test])
        if (found := first_failure([test], row)) is not None:
            asked.append((k, messages.review_test(session.task, found[1], shown)))
        elif row[0] is not None:
            settled.add(k)
    replies = ask_all(session, Role.TESTER, [message for _, message in asked])
    for (k, _), reply in zip(asked, replies, strict=True):
        if reply is None:
            continue
        old = tests[k]
        if old.parsed.test is not None and keeps(session.answer_text(Role.TESTER, reply)):
            settled.add(k)
            session.note("kept", f"test {old.number}")
            continue
        refined = session.read_test(reply, REFINED, old.number)
        if refined.parsed.test is not None:
            tests[k] = refined
            session.note("refined", f"test {refined.number} from {old.number}")
            if refined.parsed.test == old.parsed.test:
                settled.add(k)  # the model has written the same test again


def _tests_of_programs(session: Session, programs: list[ProgramCandidate], count: int) -> None:
    """Ask for one test of a program ``count`` times, the programs in turn."""
    asked = [
        messages.check_program(session.task, programs[k % len(programs)].source or "")
        for k in range(count)
    ]
    for reply in ask_all(session, Role.TESTER, asked):
        if reply is not None:
            session.read_test(reply, "of a program")
