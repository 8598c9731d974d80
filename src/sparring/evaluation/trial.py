"""Trial of prompts on a model: counts the readable responses of each role and kind of task.

    sparring prompts try TASKS --model MODEL

An evaluation measures how good a model is. A trial, before any training or measurement, checks
whether the model follows its prompts at all. If the model does not follow a prompt, the trial shows
it within minutes: it counts the responses that cannot be read, by reason, each with an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparring.errors import ConfigError, RunError
from sparring.evaluation.chat_models import RoleModel, reading_of
from sparring.evaluation.collect import RESPONSES, CollectedResponses, collect_responses
from sparring.evaluation.evaluator import graded
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.response_store import ResponseStore
from sparring.evaluation.run import complete, groups_of
from sparring.grading.answers import plain_input
from sparring.grading.facts import shortcut_facts
from sparring.grading.group import GroupResult
from sparring.metrics.shortcuts import readable_correct
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, StopReason, Task
from sparring.tasks.sources import TASK_SEED, tasks_of

FUNCTION, STDIN = "function", "stdin"
"""Kinds of task: with an entry point (function), and without (standard input)."""


@dataclass(slots=True)
class TrialPart:
    """Counts over the responses of one role to one kind of task.

    Shares are over the responses; shares of tests are over the readable tests. A share over nothing
    is None.
    """

    role: Role
    kind: str
    tasks: int = 0
    responses: int = 0
    cut_off: int = 0
    tokens: int | None = 0
    how: Counter[str] = field(default_factory=Counter)
    """Readable responses, by the rule that found the program or test."""
    refused: Counter[str] = field(default_factory=Counter)
    """Unreadable responses, by the reason."""
    example: dict[str, tuple[str, str]] = field(default_factory=dict)
    """First response with each reason: the task's id and the text."""
    right: list[bool] = field(default_factory=list)
    """Flags of the readable responses: a program passes every ground-truth test; a test agrees with
    a reference solution."""
    in_statement: list[bool] = field(default_factory=list)
    """Flags of the readable tests: the test was copied from the statement."""
    trivial: list[bool] = field(default_factory=list)
    """Flags of the readable tests: the test has a trivial input."""
    distinct: list[float] = field(default_factory=list)
    """Shares of different inputs among the readable tests, by task."""

    @property
    def read(self) -> float | None:
        """Share of readable responses."""
        return _share(self.responses - self.refused.total(), self.responses)

    def record(self) -> dict[str, object]:
        """Return the counts and shares as JSON-able data."""
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
    """Return the first ``count`` tasks of each source. Raises `ConfigError` for a repeated id."""
    by_id: dict[str, Task] = {}
    for source in sources:
        for task in tasks_of([source], count, TASK_SEED, None)[:count]:
            if task.id in by_id:
                raise ConfigError(
                    f"{source}: task {task.id} is in another source too; rename the tasks of one "
                    "source by sparring tasks load --prefix"
                )
            by_id[task.id] = task
    return list(by_id.values())


def try_prompts(
    options: EvalOptions,
    tasks: Sequence[Task],
    model: RoleModel,
    place: Path,
    progress: EvaluationProgress,
    stop: Callable[[], bool],
) -> list[TrialPart]:
    """Ask the ``model`` for responses in both roles; read them, run them and count the results.

    Responses are kept in the directory ``place``, and responses kept there are not asked for again.
    Raises `RunError` where no task has all of its responses.
    """
    requests, prompts = options.requests(tasks), options.default_prompts
    readings = {
        role: reading_of(
            model.chat_model, prompts, next(a.message for a in requests if a.role is role)
        )
        for role in Role
    }
    response_store, both = ResponseStore(place / RESPONSES), dict.fromkeys(Role, model)
    collected = collect_responses(requests, both, response_store, None, progress, stop=stop)
    complete_tasks = complete(options, tasks, collected)
    if not complete_tasks:
        reason = next(iter(collected.missing.values()), "stopped")
        raise RunError(f"no task has all of its responses: {reason}; try again")
    groups = groups_of(options, complete_tasks, collected, readings)
    with Sandbox() as sandbox:
        return parts_of(graded(groups, sandbox, Limits()), collected)


def parts_of(groups: Sequence[GroupResult], collected: CollectedResponses) -> list[TrialPart]:
    """Return the parts of a trial that have responses, in the order of roles and kinds."""
    parts = {(role, kind): TrialPart(role, kind) for role in Role for kind in (FUNCTION, STDIN)}
    for group in groups:
        kind = STDIN if group.task.entry_point is None else FUNCTION
        coder, tester = parts[Role.CODER, kind], parts[Role.TESTER, kind]
        _count(coder, group.task, collected, group.programs)
        _count(tester, group.task, collected, group.tests)
        facts = shortcut_facts(group)
        coder.right += readable_correct(facts).tolist()
        for flags, marks in (
            (tester.right, facts.right_U),
            (tester.in_statement, facts.copied_U),
            (tester.trivial, facts.trivial_U),
        ):
            flags += [] if marks is None else marks[facts.parsed_U].tolist()
        tests = [p.test for p in group.tests if p.test is not None]
        if len(tests) > 1:
            tester.distinct.append(len({plain_input(test) for test in tests}) / len(tests))
    return [part for part in parts.values() if part.responses]


def _count(
    part: TrialPart,
    task: Task,
    collected: CollectedResponses,
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


def _share(part: float, total: int) -> float | None:
    return part / total if total else None


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else None
