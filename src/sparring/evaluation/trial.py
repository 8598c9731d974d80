"""A trial of prompts on a model: what comes back of each role and kind of task, and can be read.

    sparring prompts try TASKS --model MODEL

An evaluation asks how good a model is. A trial asks whether it and its prompts understand each
other at all, before anything is trained or measured: a prompt that a model does not follow shows
here in minutes, as responses that cannot be read, with the reason and an example of each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparring import values
from sparring.errors import ConfigError, RunError
from sparring.evaluation.authors import Respondent, reading_of
from sparring.evaluation.collect import RESPONSES, Collected, collect
from sparring.evaluation.evaluator import graded
from sparring.evaluation.ledger import Ledger
from sparring.evaluation.options import TASK_SEED, EvalOptions
from sparring.evaluation.progress import Progress
from sparring.evaluation.run import complete, groups_of
from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.grading.monitors import of_generated
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.prompts.templates import called_as
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Kind, Role, StopReason, Task, Test
from sparring.tasks.sources import tasks_of

FUNCTION, STDIN = "function", "stdin"
"""Kinds of task: with an entry point and without."""


@dataclass(slots=True)
class Part:
    """What came back of one role on one kind of task. Shares are of the responses, those of tests
    of the tests that could be read. None: there is nothing to take a share of."""

    role: Role
    kind: str
    tasks: int = 0
    responses: int = 0
    cut_off: int = 0
    tokens: int | None = 0
    how: Counter[str] = field(default_factory=Counter)
    """Decisions of the reader, by name."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals, by name."""
    example: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each refusal the first response: the task's id and the text."""
    right: list[bool] = field(default_factory=list)
    """Programs that pass every ground-truth test; tests that a reference solution confirms."""
    in_statement: list[bool] = field(default_factory=list)
    trivial: list[bool] = field(default_factory=list)
    distinct: list[float] = field(default_factory=list)
    """Of each task the share of different inputs among its readable tests."""

    @property
    def read(self) -> float | None:
        """Share of responses that could be read."""
        return _share(self.responses - self.refused.total(), self.responses)

    def record(self) -> dict[str, object]:
        """As JSON-able data."""
        return {
            "role": self.role,
            "kind": self.kind,
            "tasks": self.tasks,
            "responses": self.responses,
            "read": self.read,
            "cut_off": _share(self.cut_off, self.responses),
            "tokens": None if self.tokens is None else _share(self.tokens, self.responses),
            "right": _mean(self.right),
            "in_statement": _mean(self.in_statement),
            "trivial": _mean(self.trivial),
            "distinct": _mean(self.distinct),
            "how": dict(self.how.most_common()),
            "refused": dict(self.refused.most_common()),
            "examples": {name: list(pair) for name, pair in self.example.items()},
        }


def first_tasks(sources: Sequence[str], count: int) -> list[Task]:
    """The first tasks of each source. Raises `ConfigError` where two have the same id."""
    found: dict[str, Task] = {}
    for source in sources:
        for task in tasks_of([source], count, TASK_SEED, None)[:count]:
            if task.id in found:
                raise ConfigError(
                    f"{source}: task {task.id} is in another source too; write one of them anew "
                    "with sparring tasks load --prefix"
                )
            found[task.id] = task
    return list(found.values())


def try_prompts(
    options: EvalOptions,
    tasks: Sequence[Task],
    model: Respondent,
    place: Path,
    progress: Progress,
    stop: Callable[[], bool],
) -> list[Part]:
    """Ask the ``model`` for the responses in both roles, and read and run them. Responses
    are kept in the directory ``place``: what is there is not asked for again. Raises `RunError`
    where no task has all of its responses."""
    asks, prompts = options.asks(tasks), options.asked_by
    readings = {
        role: reading_of(model.author, prompts, next(a.message for a in asks if a.role is role))
        for role in Role
    }
    ledger, both = Ledger(place / RESPONSES), dict.fromkeys(Role, model)
    collected = collect(asks, both, ledger, None, progress, stop=stop)
    whole = complete(options, tasks, collected)
    if not whole:
        why = next(iter(collected.missing.values()), "stopped")
        raise RunError(f"no task has all of its responses: {why}; try again")
    groups = groups_of(options, whole, collected, readings)
    with Sandbox() as sandbox:
        return parts_of(graded(groups, sandbox, Limits()), collected)


def parts_of(judged: Sequence[GroupResult], collected: Collected) -> list[Part]:
    """The parts of a trial that have responses, in the order of roles and kinds."""
    parts = {(role, kind): Part(role, kind) for role in Role for kind in (FUNCTION, STDIN)}
    for one in judged:
        kind = STDIN if one.task.entry_point is None else FUNCTION
        coder, tester = parts[Role.CODER, kind], parts[Role.TESTER, kind]
        _count(coder, one.task, collected, one.programs)
        _count(tester, one.task, collected, one.tests)
        coder.right += [
            bool(passed.all())
            for passed, seen, p in zip(
                one.matrix.passed_PG, one.matrix.observed_PG, one.programs, strict=True
            )
            if seen.all() and p.source is not None
        ]
        if one.right_U is not None:
            tester.right += [
                bool(r) for r, p in zip(one.right_U, one.tests, strict=True) if p.test is not None
            ]
        read = [p.test for p in one.tests if p.test is not None]
        tester.in_statement += [stands_in_statement(one.task, test) for test in read]
        tester.trivial += of_generated(one)["trivial_inputs"]
        if len(read) > 1:
            tester.distinct.append(len({plain_input(test) for test in read}) / len(read))
    return [part for part in parts.values() if part.responses]


def _count(
    part: Part,
    task: Task,
    collected: Collected,
    parsed: Sequence[ParsedProgram | ParsedTest],
) -> None:
    part.tasks += bool(parsed)
    for index, one in enumerate(parsed):
        answer = collected.answers[task.id, part.role, index]
        part.responses += 1
        part.cut_off += answer.stop is StopReason.LENGTH
        if answer.completion_tokens is None:
            part.tokens = None
        elif part.tokens is not None:
            part.tokens += answer.completion_tokens
        if one.failure is None:
            part.how[one.how or "as asked"] += 1
        else:
            part.refused[one.failure] += 1
            part.example.setdefault(one.failure, (task.id, answer.text))


def stands_in_statement(task: Task, test: Test) -> bool:
    """Whether a test was copied: its input is that of a public example, or it stands in the
    statement, white space apart; of a call the call as it is written there."""
    if any(plain_input(test) == plain_input(example) for example in task.examples):
        return True
    statement = _dense(task.statement)
    if test.kind is Kind.CALL and task.entry_point is not None:
        values.decode(test.input)
        call = values.show_call(called_as(task.entry_point).rpartition(".")[2], test.input)
        return _dense(call) in statement
    # One word may stand anywhere.
    return len(test.input.split()) > 1 and _dense(test.input) in statement


def _dense(text: str) -> str:
    return re.sub(r"\s+|[\"'`]", "", text)


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(found: Iterable[float]) -> float | None:
    listed = list(found)
    return float(np.mean(listed)) if listed else None
