"""By need: the usual strategy. It samples small rounds until the choice is settled.

1. Sample a round of programs and tests, as `selection.need` says. The first programs run on the
   public examples and the binding tests before anything else.
2. Run the programs on the generated tests, and choose (`deciding`).
3. Stop where the choice is settled or nothing more may be sampled. Where the best two programs of
   different behaviour are nearly equal, ask the tester's model for inputs on which they differ, and
   run all programs on them (`distinguishing`). Go on with 1.
4. If wanted, have the best programs that fail a test repaired (`repairing`), and choose again.

The end of a budget, Ctrl-C and a model that is gone end the rounds; the choice is then made with
what there is.
"""

from __future__ import annotations

from sparring.selection.need import Caps, Seen, Stop, alike, next_round
from sparring.solving.candidates import ProgramCandidate, Solution
from sparring.solving.deciding import Choice, choose
from sparring.solving.distinguishing import tell_apart
from sparring.solving.problems.problem import counted
from sparring.solving.repairing import repair
from sparring.solving.session import Session

_WORDS = {
    Stop.SETTLED: "the choice is settled",
    Stop.CAP: "as many were sampled as may be (-n, -m)",
    Stop.TESTS_SPENT: "further programs could hardly be told apart by the tests (-m)",
}


def by_need(session: Session) -> Solution:
    """Solve the session's task; see the module's docstring."""
    choice, reason = _rounds(session)
    if session.sizes.repairs:
        choice = repair(session, choice)
    solution = choice.solution(session.ended_by or reason)
    session.note(
        "decided",
        "no program could be read"
        if solution.chosen is None
        else f"P{solution.chosen}, by {solution.chosen_by}: {solution.reason}",
        chosen=solution.chosen,
        sure=solution.sure,
    )
    return solution


def _rounds(session: Session) -> tuple[Choice, str]:
    """Sample rounds until one is the last; return the choice, and why it was the last."""
    caps, told_apart = Caps(session.sizes.n, session.sizes.m), set[frozenset[int]]()
    before: ProgramCandidate | None = None
    number = unchanged = 0
    while True:
        choice = choose(session)
        unchanged = unchanged + 1 if _as_before(choice, before) else 0
        before = choice.ranked[0] if choice.ranked else None
        sampled = session.sampled_programs, session.sampled_tests
        seen = Seen(choice.evidence, *sampled, choice.sure, unchanged)
        following = next_round(seen, caps)
        if following.stop is not None:
            return choice, _WORDS[following.stop]
        if (over := session.over) is not None:
            return choice, over
        if following.apart is not None:
            first, second = (choice.best[row] for row in following.apart)
            pair = frozenset({first.number, second.number})
            if pair not in told_apart:
                told_apart.add(pair)
                tell_apart(session, first, second)
        number += 1
        session.sample(following.programs, following.tests)
        session.note(
            "round",
            f"round {number}: {counted(following.programs, 'program')} and "
            f"{counted(following.tests, 'test')} more",
            programs=following.programs,
            tests=following.tests,
            sure=choice.sure,
            leader=choice.ranked[0].number if choice.ranked else None,
        )


def _as_before(choice: Choice, before: ProgramCandidate | None) -> bool:
    """Return True if the chosen program behaves like the one that was chosen ``before``. A program
    that has left the first tier behaves like none of it."""
    best = [program.number for program in choice.best]
    if before is None or before.number not in best:
        return False
    return alike(choice.evidence, best.index(choice.ranked[0].number), best.index(before.number))
