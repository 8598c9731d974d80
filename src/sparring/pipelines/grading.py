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

from sparring.sandbox import Job, Limits, Runner
from sparring.schema import Outcome, Task, Verdict
from sparring.tasks.checkers import Rule, accepts, parse_checker

ACCEPTED = "accepted"
"""What a checker program prints to accept."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """An output of a program for `input`, to be compared with the expected one."""

    task: Task
    input: str
    output: str
    expected: str


class Grader:
    """Compares outputs. Checker programs are run by `prepare`, all at once."""

    def __init__(self, sandbox: Runner) -> None:
        self._sandbox = sandbox
        self._found: dict[tuple[str, str], Outcome] = {}

    def prepare(self, comparisons: Iterable[Comparison]) -> None:
        """Run the checker programs that these need; nothing where no task has one."""
        wanted: dict[str, dict[str, None]] = {}
        for one in comparisons:
            if parse_checker(one.task.checker).rule is Rule.PROGRAM:
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
        if parse_checker(one.task.checker).rule is not Rule.PROGRAM:
            good = accepts(one.task.checker, one.output, one.expected)
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
