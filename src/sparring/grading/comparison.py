"""Verdicts from outcomes: the output of each finished execution compared with the expected one.

Most checkers compare two texts, here, outside of the sandbox. A task's own checker program is
executed in the sandbox, once for each (input, output, expected output). It reads one JSON object
with the keys ``input``, ``output`` and ``expected`` from standard input, and accepts by printing
``accepted``. Whatever else it does is a wrong answer, a crash included: an output that breaks the
checker must not fare better than a wrong one. Only an infrastructure failure leaves no label.

Each execution of a checker program has a process of its own. Otherwise a program whose output a
careless checker evaluates could teach the checker to accept another program's output.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sparring.sandbox import Job, Limits, Runs, believed
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from sparring.tasks.checkers.checker import CheckerRule, accepts, parse_checker

ACCEPTED = "accepted"
"""Text that a checker program prints to accept."""
_SECONDS = 10.0
_NO_ANSWER = (Verdict.INFRA, Verdict.NOT_RUN)
_MIB = 1 << 20
_PORTION = 64 << 20
"""Characters of questions that are held at once."""
_MEMORY_MIB = 256
_MORE_SECONDS, _MORE_MIB = 1.0, 64
"""Allowance for each whole MiB of a question: a list of its words takes thirty times its size."""


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """Output of a program for ``input``, to be compared with the expected output by ``rule`` (None:
    by the task's checker). ``kind`` is the kind of the execution that gave the output."""

    task: Task
    input: str
    output: str
    expected: str
    rule: str | None = None
    kind: TestKind = TestKind.STDIN

    @property
    def checker(self) -> str:
        """The checker that decides."""
        return self.rule or self.task.checker

    @classmethod
    def of(cls, task: Task, test: Test, output: str) -> OutputComparison:
        """Return the comparison of a program's output with what the test expects."""
        return cls(task, test.input, output, test.output, rule_of(task, test), test.kind)

    @classmethod
    def with_reference(cls, task: Task, test: Test, reference: str) -> OutputComparison:
        """Return the comparison that decides if a test is right. It compares the test's expected
        output with the ``reference`` solution's output on the test's input.

        A call test states the rule by which it compares, so it is right if the reference passes it.
        In printed text the test's expected output stands in the place of a program's output.
        """
        if test.kind is TestKind.CALL:
            return cls.of(task, test, reference)
        return cls(task, test.input, test.output, reference, rule_of(task, test))


def rule_of(task: Task, test: Test) -> str:
    """Return the checker of a test: its own, else the task's; `value` where the task's is for
    printed text and the test is a call."""
    if test.checker is not None:
        return test.checker
    if test.kind is TestKind.CALL and not parse_checker(task.checker).of_calls:
        return CheckerRule.VALUE
    return task.checker


class Grader:
    """Comparer of outputs. `prepare` executes the checker programs, many at once; `verdict` then
    answers from what they printed."""

    def __init__(self, sandbox: Runs) -> None:
        self._sandbox = sandbox
        self._outcomes: dict[bytes, Outcome] = {}
        """Outcomes of checker programs by the digest of program and question: both may be long."""

    def prepare(self, comparisons: Iterable[OutputComparison]) -> None:
        """Execute the checker programs that these comparisons need, if any task has one."""
        questions_by_program: dict[str, dict[str, None]] = {}
        size = 0
        for one in comparisons:
            if parse_checker(one.checker).rule is CheckerRule.PROGRAM:
                question = _question(one)
                if _key(_program(one.task), question) not in self._outcomes:
                    questions_by_program.setdefault(_program(one.task), {})[question] = None
                    size += len(question)
                if size > _PORTION:
                    self._execute_questions(questions_by_program)
                    questions_by_program, size = {}, 0
        self._execute_questions(questions_by_program)

    def _execute_questions(self, questions_by_program: Mapping[str, Iterable[str]]) -> None:
        """Execute each checker program on its questions."""
        jobs = [
            Job(program, tuple(questions), limits, alone=True)
            for program, every in questions_by_program.items()
            for limits, questions in _by_limits(every).items()
        ]
        for job, outcomes in zip(jobs, self._sandbox.run(jobs), strict=True):
            for question, outcome in zip(job.inputs, outcomes, strict=True):
                self._outcomes[_key(job.program, question)] = believed(job.kind, outcome)

    def verdict(self, one: OutputComparison) -> tuple[Verdict, str]:
        """Return ACCEPTED, WRONG_ANSWER or, where the checker could not be executed, INFRA; and the
        reason. A comparison by a program must have been prepared.
        """
        if parse_checker(one.checker).rule is not CheckerRule.PROGRAM:
            good = accepts(one.checker, one.output, one.expected)
            return (Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER), ""
        reply = self._outcomes[_key(_program(one.task), _question(one))]
        if reply.verdict in _NO_ANSWER:
            return Verdict.INFRA, "the checker could not be run"
        if reply.verdict is Verdict.FINISHED and reply.output.strip() == ACCEPTED:
            return Verdict.ACCEPTED, ""
        if reply.verdict is Verdict.FINISHED:
            return Verdict.WRONG_ANSWER, reply.output.strip()[:200]
        return Verdict.WRONG_ANSWER, f"the checker ended with {reply.verdict}: {reply.detail}"

    def graded(self, outcome: Outcome, one: OutputComparison) -> Outcome:
        """Return the outcome with the checker's verdict in place of FINISHED.

        Only a script decides by itself. A verdict that an execution of any other kind reports as
        decided is not believed.
        """
        outcome = believed(one.kind, outcome)
        if outcome.verdict is not Verdict.FINISHED:
            return outcome
        verdict, why = self.verdict(one)
        return replace(outcome, verdict=verdict, detail=why or outcome.detail)


def _by_limits(questions: Iterable[str]) -> dict[Limits, list[str]]:
    """Group questions by the limits that the checker gets for them: more for a long question."""
    by_limits: dict[Limits, list[str]] = {}
    for question in questions:
        mib = len(question) // _MIB
        seconds, memory = _SECONDS + _MORE_SECONDS * mib, _MEMORY_MIB + _MORE_MIB * mib
        limits = Limits(cpu_seconds=seconds, memory_mib=memory)
        by_limits.setdefault(limits, []).append(question)
    return by_limits


def _key(program: str, question: str) -> bytes:
    text = f"{len(program)} {program}{question}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()


def _program(task: Task) -> str:
    return task.checker_program or ""


def _question(one: OutputComparison) -> str:
    question = {"input": one.input, "output": one.output, "expected": one.expected}
    return json.dumps(question)
