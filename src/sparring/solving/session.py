"""Session on one problem: models, sandbox, budget and record behind a few verbs.

Every strategy and pipeline is a function of a session. When the budget ends, or the user stops, the
verbs return less than was asked for, down to nothing; `over` then gives the reason. A strategy
therefore needs no other code for the end of a budget than to decide with what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sparring.policy.chat.base import ChatReply
from sparring.schema import Outcome, Role, Task, Test
from sparring.selection.evidence import Evidence
from sparring.solving.candidates import ProgramCandidate, TestCandidate


@dataclass(frozen=True, slots=True)
class Sizes:
    """Most programs ``n`` and tests ``m`` to sample, and most ``repairs`` of a program."""

    n: int = 16
    m: int = 16
    repairs: int = 0


class Session(Protocol):
    """What strategies and pipelines work with.

    ``task.examples`` are the public examples, ``task.tests`` the user's binding tests; both may be
    empty. ``programs`` and ``tests`` are all candidates so far, in the order of their numbers,
    unreadable ones included.
    """

    task: Task
    sizes: Sizes
    programs: list[ProgramCandidate]
    tests: list[TestCandidate]

    @property
    def over(self) -> str | None:
        """Why nothing more can be had: the part of the budget that is spent, "stopped", "the model
        is gone: …"; None while there is more."""
        ...

    def sample(self, programs: int = 0, tests: int = 0) -> None:
        """Sample further programs and tests with the roles' own prompts, both roles at once, and
        add them to ``programs`` and ``tests``. The k-th program equals that of `sparring eval` with
        the same seed."""
        ...

    def ask(self, role: Role, message: str, count: int = 1) -> list[ChatReply]:
        """Send a message of one's own to a role's model; return up to ``count`` replies."""
        ...

    def read_program(
        self, reply: ChatReply, origin: str, parent: int | None = None
    ) -> ProgramCandidate:
        """Read the program in a reply, and add the candidate to ``programs``."""
        ...

    def read_test(self, reply: ChatReply, origin: str, parent: int | None = None) -> TestCandidate:
        """Read the test in a reply, and add the candidate to ``tests``."""
        ...

    def run(
        self, programs: Sequence[ProgramCandidate], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        """Run programs on tests and compare the outputs: outcomes [P, T]. Each pair is executed
        once in a session. None where the budget had no execution left; INVALID for an
        unreadable program.
        A test whose expected output is unknown (`input_only`) is run and never accepted."""
        ...

    def evidence(
        self,
        programs: Sequence[ProgramCandidate] | None = None,
        tests: Sequence[Test] | None = None,
    ) -> Evidence:
        """Return the evidence of programs (all readable ones) on tests (all readable generated
        ones), running what has not run yet."""
        ...

    def note(self, step: str, text: str, **facts: object) -> None:
        """Record a step of the decision, for `solve.json` and the account."""
        ...
