"""Verdicts from outcomes: each finished run compared with what was expected.

Most checkers are a comparison of two texts, made here, outside the sandbox. A task's own checker
program is run in it, once for each (input, output, expected output): it reads one JSON object with
the keys ``input``, ``output`` and ``expected`` from standard input, and accepts by printing
``accepted``. Whatever else it does, falling over an output included, is a wrong answer: an output
that breaks the checker must not be better off than one that is wrong. Only where the run itself
failed on our side is there no label. Each of these runs has a process of its own: else a program
whose output a careless checker evaluates could teach it to accept another's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sparring.sandbox import Job, Limits, Runs, believed
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.checkers.checker import Rule, accepts, parse_checker

ACCEPTED = "accepted"
"""What a checker program prints to accept."""
_SECONDS = 10.0
_NO_ANSWER = (Verdict.INFRA, Verdict.NOT_RUN)
_MIB = 1 << 20
_PORTION = 64 << 20  # characters of questions that are held at once
_MEMORY_MIB = 256
_MORE_SECONDS, _MORE_MIB = 1.0, 64
"""For each whole MiB of a question: a list of its words takes thirty times its size."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An output of a program for `input`, to be compared with the expected one by ``rule``;
    None: the task's. ``kind``: of the run that gave the output."""

    task: Task
    input: str
    output: str
    expected: str
    rule: str | None = None
    kind: Kind = Kind.STDIN

    @property
    def checker(self) -> str:
        """What decides."""
        return self.rule or self.task.checker

    @classmethod
    def of(cls, task: Task, test: Test, output: str) -> Comparison:
        """A program's output for a test, with what the test expects."""
        return cls(task, test.input, output, test.output, rule_of(task, test), test.kind)

    @classmethod
    def with_reference(cls, task: Task, test: Test, reference: str) -> Comparison:
        """A test's expected output, with what the reference solution gives for its input.

        A call test states by which rule it compares, so it is right if the reference passes it;
        in printed text the test's output stands where a program's would.
        """
        if test.kind is Kind.CALL:
            return cls.of(task, test, reference)
        return cls(task, test.input, test.output, reference, rule_of(task, test))


def rule_of(task: Task, test: Test) -> str:
    """The checker of a test: its own, else the task's; `value` where that is for printed text and
    the test is a call."""
    if test.checker is not None:
        return test.checker
    if test.kind is Kind.CALL and not parse_checker(task.checker).of_calls:
        return Rule.VALUE
    return task.checker


class Grader:
    """Compares outputs. Checker programs are run by `prepare`, all at once."""

    def __init__(self, sandbox: Runs) -> None:
        self._sandbox = sandbox
        self._found: dict[bytes, Outcome] = {}
        """By program and question, which are long and many: by their digest."""

    def prepare(self, comparisons: Iterable[Comparison]) -> None:
        """Run the checker programs that these need; nothing where no task has one."""
        wanted: dict[str, dict[str, None]] = {}
        size = 0
        for one in comparisons:
            if parse_checker(one.checker).rule is Rule.PROGRAM:
                question = _question(one)
                if _key(_program(one.task), question) not in self._found:
                    wanted.setdefault(_program(one.task), {})[question] = None
                    size += len(question)
                if size > _PORTION:
                    self._ask(wanted)
                    wanted, size = {}, 0
        self._ask(wanted)

    def _ask(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """Run each checker program on its questions."""
        jobs = [
            Job(program, tuple(questions), limits, alone=True)
            for program, every in wanted.items()
            for limits, questions in _by_limits(every).items()
        ]
        for job, outcomes in zip(jobs, self._sandbox.run(jobs), strict=True):
            for question, outcome in zip(job.inputs, outcomes, strict=True):
                self._found[_key(job.program, question)] = believed(job.kind, outcome)

    def verdict(self, one: Comparison) -> tuple[Verdict, str]:
        """ACCEPTED, WRONG_ANSWER or, where the checker could not be run, INFRA; and why.

        Comparisons by a program must have been prepared.
        """
        if parse_checker(one.checker).rule is not Rule.PROGRAM:
            good = accepts(one.checker, one.output, one.expected)
            return (Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER), ""
        said = self._found[_key(_program(one.task), _question(one))]
        if said.verdict in _NO_ANSWER:
            return Verdict.INFRA, "the checker could not be run"
        if said.verdict is Verdict.FINISHED and said.output.strip() == ACCEPTED:
            return Verdict.ACCEPTED, ""
        if said.verdict is Verdict.FINISHED:
            return Verdict.WRONG_ANSWER, said.output.strip()[:200]
        return Verdict.WRONG_ANSWER, f"the checker ended with {said.verdict}: {said.detail}"

    def graded(self, outcome: Outcome, one: Comparison) -> Outcome:
        """The outcome with the checker's verdict in place of FINISHED.

        Only a script decides by itself. Of any other run a decision is not believed.
        """
        outcome = believed(one.kind, outcome)
        if outcome.verdict is not Verdict.FINISHED:
            return outcome
        verdict, why = self.verdict(one)
        return replace(outcome, verdict=verdict, detail=why or outcome.detail)


def _by_limits(questions: Iterable[str]) -> dict[Limits, list[str]]:
    """The questions by what the checker may use for them: more for one that is long."""
    found: dict[Limits, list[str]] = {}
    for question in questions:
        mib = len(question) // _MIB
        seconds, memory = _SECONDS + _MORE_SECONDS * mib, _MEMORY_MIB + _MORE_MIB * mib
        limits = Limits(cpu_seconds=seconds, memory_mib=memory)
        found.setdefault(limits, []).append(question)
    return found


def _key(program: str, question: str) -> bytes:
    text = f"{len(program)} {program}{question}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()


def _program(task: Task) -> str:
    return task.checker_program or ""


def _question(one: Comparison) -> str:
    held = {"input": one.input, "output": one.output, "expected": one.expected}
    return json.dumps(held)
