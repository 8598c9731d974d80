"""Verdicts from outcomes: each finished run compared with what was expected.

Most checkers are a comparison of two texts, made here, outside the sandbox. A task's own checker
program is run in it, in a process of its own, once for each (input, output, expected output): it
reads one JSON object with the keys ``input``, ``output`` and ``expected`` from standard input, and
accepts by printing ``accepted``. Whatever else it does, falling over an output included, is a
wrong answer: an output that breaks the checker must not be better off than one that is wrong. Only
where the run itself failed on our side is there no label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sparring.pipelines.early import Runs
from sparring.sandbox import Job, Limits
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.checkers import Rule, accepts, parse_checker

ACCEPTED = "accepted"
"""What a checker program prints to accept."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """An output of a program for `input`, to be compared with the expected one by ``rule``;
    None: the task's."""

    task: Task
    input: str
    output: str
    expected: str
    rule: str | None = None

    @property
    def checker(self) -> str:
        """What decides."""
        return self.rule or self.task.checker

    @classmethod
    def of(cls, task: Task, test: Test, output: str) -> Comparison:
        """A program's output for a test, with what the test expects."""
        return cls(task, test.input, output, test.output, rule_of(task, test))

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
        self._found: dict[tuple[str, str], Outcome] = {}

    def prepare(self, comparisons: Iterable[Comparison]) -> None:
        """Run the checker programs that these need; nothing where no task has one."""
        wanted: dict[str, dict[str, None]] = {}
        for one in comparisons:
            if parse_checker(one.checker).rule is Rule.PROGRAM:
                question = _question(one)
                if (_program(one.task), question) not in self._found:
                    wanted.setdefault(_program(one.task), {})[question] = None
        jobs = [Job(p, tuple(q), Limits(cpu_seconds=_SECONDS)) for p, q in wanted.items()]
        for (program, questions), outcomes in zip(
            wanted.items(), self._sandbox.run(jobs), strict=True
        ):
            for question, outcome in zip(questions, outcomes, strict=True):
                self._found[program, question] = outcome

    def verdict(self, one: Comparison) -> tuple[Verdict, str]:
        """ACCEPTED, WRONG_ANSWER or, where the checker could not be run, INFRA; and why.

        Comparisons by a program must have been prepared.
        """
        if parse_checker(one.checker).rule is not Rule.PROGRAM:
            good = accepts(one.checker, one.output, one.expected)
            return (Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER), ""
        said = self._found[_program(one.task), _question(one)]
        if said.verdict is Verdict.INFRA:
            return Verdict.INFRA, "the checker could not be run"
        if said.verdict is Verdict.FINISHED and said.output.strip() == ACCEPTED:
            return Verdict.ACCEPTED, ""
        if said.verdict is Verdict.FINISHED:
            return Verdict.WRONG_ANSWER, said.output.strip()[:200]
        return Verdict.WRONG_ANSWER, f"the checker ended with {said.verdict}: {said.detail}"

    def graded(self, outcome: Outcome, one: Comparison) -> Outcome:
        """The outcome with the checker's verdict in place of FINISHED."""
        if outcome.verdict is not Verdict.FINISHED:
            return outcome
        verdict, why = self.verdict(one)
        return replace(outcome, verdict=verdict, detail=why or outcome.detail)


def _program(task: Task) -> str:
    return task.checker_program or ""


def _question(one: Comparison) -> str:
    held = {"input": one.input, "output": one.output, "expected": one.expected}
    return json.dumps(held)
