"""A session whose models are functions of the message, and whose sandbox is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.reading import read_program, read_test
from sparring.grading.test_jobs import ExecutionRequest
from sparring.policy.chat.base import ChatReply
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Outcome, Response, Role, StopReason, Task, Test, Verdict
from sparring.selection.consensus import answer_numbers
from sparring.selection.evidence import Evidence
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.session import Sizes

Says = Callable[[Role, str, int], str | None]
"""Answer to the k-th message of a role: a text, or None where the request fails."""


def reply(text: str) -> ChatReply:
    return ChatReply(text, StopReason.END_TOKEN, 10, 10)


@dataclass
class ScriptedSession:
    """The interface of `solving.session.Session`. ``asked`` has every message in order."""

    task: Task
    sandbox: Sandbox
    sizes: Sizes
    programs_said: list[str]
    tests_said: list[str]
    says: Says = lambda role, message, k: None
    requests: int = 1000
    programs: list[ProgramCandidate] = field(default_factory=list)
    tests: list[TestCandidate] = field(default_factory=list)
    asked: list[tuple[Role, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    ended: str | None = None

    @property
    def over(self) -> str | None:
        return self.ended or ("requests" if self.requests <= 0 else None)

    def _takes(self) -> bool:
        if self.over:
            return False
        self.requests -= 1
        return True

    def sample(self, programs: int = 0, tests: int = 0) -> None:
        for _ in range(programs):
            if self._takes():
                self.read_program(reply(self.programs_said[len(self.programs)]), "sampled")
        for _ in range(tests):
            if self._takes():
                self.read_test(reply(self.tests_said[len(self.tests)]), "sampled")

    def ask(self, role: Role, message: str, count: int = 1) -> list[ChatReply]:
        return [r for r in self.ask_each(role, [message] * count) if r is not None]

    def ask_each(self, role: Role, messages: Sequence[str]) -> list[ChatReply | None]:
        replies: list[ChatReply | None] = []
        for message in messages:
            text = None
            if self._takes():
                text = self.says(role, message, sum(r is role for r, _ in self.asked))
                self.asked.append((role, message))
            replies.append(None if text is None else reply(text))
        return replies

    def answer_text(self, role: Role, answer: ChatReply) -> str:
        return answer.text

    def read_program(
        self, answer: ChatReply, origin: str, parent: int | None = None
    ) -> ProgramCandidate:
        parsed = read_program(self.task, self._response(Role.CODER, answer))
        self.programs.append(ProgramCandidate(len(self.programs), answer, parsed, origin, parent))
        return self.programs[-1]

    def read_test(self, answer: ChatReply, origin: str, parent: int | None = None) -> TestCandidate:
        parsed = read_test(self.task, self._response(Role.TESTER, answer))
        self.tests.append(TestCandidate(len(self.tests), answer, parsed, origin, parent))
        return self.tests[-1]

    def _response(self, role: Role, answer: ChatReply) -> Response:
        return Response(self.task.id, role, 0, (), (), (), answer.stop, answer.text)

    def run(
        self, programs: Sequence[ProgramCandidate], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        rows = []
        for program in programs:
            if program.source is None:
                rows.append([Outcome(Verdict.INVALID) for _ in tests])
                continue
            request = ExecutionRequest(
                self.task, program.source, tuple(tests), Limits(), of_task=False
            )
            [raw] = test_jobs.run(self.sandbox, [request])
            [row] = test_jobs.graded(Grader(self.sandbox), [(request, raw)])
            rows.append(
                [r if t.output == "" else g for r, g, t in zip(raw, row, tests, strict=True)]
            )
        return rows  # type: ignore[return-value]

    def evidence(
        self,
        programs: Sequence[ProgramCandidate] | None = None,
        tests: Sequence[Test] | None = None,
    ) -> Evidence:
        every = [p for p in self.programs if p.source] if programs is None else programs
        chosen = tests
        if chosen is None:
            chosen = [t.parsed.test for t in self.tests if t.parsed.test is not None]
        rows = self.run(every, chosen)
        shape = (len(every), len(chosen))
        passed = np.array(
            [[o is not None and o.verdict is Verdict.ACCEPTED for o in row] for row in rows],
            dtype=bool,
        ).reshape(shape)
        ran = (Verdict.FINISHED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
        answers = [
            [o.output if o is not None and o.verdict in ran else None for o in row] for row in rows
        ]
        return Evidence(passed, np.ones(shape, dtype=bool), answer_numbers(answers, len(chosen)))

    def note(self, step: str, text: str, **facts: Any) -> None:
        self.notes.append((step, text))


def program(source: str) -> str:
    return f"```python\n{source}\n```"


def assertion(text: str) -> str:
    return f"```python\nassert {text}\n```"


def printed(given: str, output: str) -> str:
    return f"**Test Input:**\n```\n{given}\n```\n**Test Output:**\n```\n{output}\n```"
