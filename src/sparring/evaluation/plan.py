"""What an evaluation's figures depend on, checked, and what its responses are asked by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError
from sparring.files import digest
from sparring.policy.base import sampling_seed
from sparring.policy.chat.base import Ask, ChatParams
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.parse import ProgramRule, TestRule
from sparring.prompts.settings import PromptSettings
from sparring.schema import Role, Task
from sparring.tasks.checkers.checker import parse_checker
from sparring.tasks.settings import TaskSettings
from sparring.tasks.sources import tasks_of

USUAL_COUNT = 100
"""Tasks that are made of a microworld split where nothing limits them."""
TASK_SEED: int = TaskSettings.model_fields["held_out_seed"].default
"""Of the microworld's tasks, as in training: they are the same whatever sampling is seeded by."""
USUAL_SCALES = "1x1,2x2,4x4,16x16"
_KS = (1, 2, 4, 5, 8, 10, 16, 32, 64, 100)


Scale = tuple[int, int]
"""n programs × m tests."""


class Protocol(StrEnum):
    """A whole way of evaluating, under a name."""

    OFFICIAL = "official"
    """That of the paper's released code: T = 0.8, top-p 0.95, top-k 40, 16 + 16 responses of up
    to 10,000 tokens, at most 8 ground-truth tests, outputs compared by white space, no public
    example shown."""


_USUAL = ChatParams()
OFFICIAL_PARAMS = ChatParams(temperature=0.8, top_p=0.95, top_k=40, max_tokens=10_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """An evaluation. ``programs`` and ``tests`` are responses per task and role; ``mutants`` of a
    task's reference solution measure its tests, 0 measures nothing; ``checker`` replaces every
    task's own."""

    sources: tuple[str, ...]
    programs: int = 16
    tests: int = 16
    mutants: int = 20
    scales: tuple[Scale, ...] = ((1, 1), (2, 2), (4, 4), (16, 16))
    params: ChatParams = _USUAL
    seed: int = 0
    max_tests: int | None = None
    limit_tasks: int | None = None
    checker: str | None = None
    prompts: PromptSettings = field(default_factory=PromptSettings)
    tester_prompts: PromptSettings | None = None
    """In place of ``prompts`` for the tester."""
    protocol: Protocol | None = None
    answers: str | None = None
    """Digest of answers that were made elsewhere: how they were asked for is not known then."""
    reasoning: Mapping[Role, ReasoningMode] = field(default_factory=dict)
    """Where a role's reasoning begins, if another place than ``prompts`` says."""

    def __post_init__(self) -> None:
        for n, m in self.scales:
            if n > self.programs or m > self.tests:
                raise ConfigError(
                    f"--scale {n}x{m}: there are {self.programs} programs and {self.tests} tests "
                    + ("of every task" if self.answers else "per task (-n, -m)")
                )
        if self.checker is not None:
            try:
                parse_checker(self.checker)
            except ValueError as error:
                raise ConfigError(f"--checker: {error}") from None

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of pass@k."""
        return tuple(sorted({k for k in (*_KS, self.programs) if k <= self.programs}))

    def prompts_for(self, role: Role) -> PromptSettings:
        """How the model in this role is asked and read, with where its reasoning begins."""
        own = (self.tester_prompts if role is Role.TESTER else None) or self.prompts
        return own.model_copy(update={"reasoning": self.reasoning.get(role, own.reasoning)})

    def load(self) -> list[Task]:
        """The tasks. Raises `DataError` and `ConfigError`."""
        count = self.limit_tasks or USUAL_COUNT
        found = tasks_of(self.sources, count, TASK_SEED, self.max_tests)[: self.limit_tasks]
        if self.checker is not None:
            # values of calls are compared by a rule of their own
            found = [t if t.entry_point else replace(t, checker=self.checker) for t in found]
        return found

    def asks(self, tasks: Sequence[Task]) -> list[Ask]:
        """Every response that is wanted, task by task."""
        templates = {role: self.prompts_for(role).templates() for role in Role}
        shown = {
            Role.CODER: self.prompts_for(Role.CODER).coder_examples,
            Role.TESTER: self.prompts_for(Role.TESTER).tester_examples,
        }
        wanted = {Role.CODER: self.programs, Role.TESTER: self.tests}
        return [
            Ask(task.id, role, index, message, seed, self.params)
            for task in tasks
            for role in Role
            for message in [templates[role].fill(task, role, shown[role])]
            for seed in [sampling_seed(self.seed, -1, task.id, role)]
            for index in range(wanted[role])
        ]

    def record(self, tasks: Sequence[Task]) -> dict[str, Any]:
        """As JSON-able data. What is under ``fixed`` makes another evaluation when it changes;
        counts may grow, and responses may be read again with their reasoning in another place."""
        return {
            "fixed": {
                "tasks": digest([task_digest(t) for t in tasks]),
                "params": asdict(self.params),
                "seed": self.seed,
                "max_tests": self.max_tests,
                "checker": self.checker,
                "prompts": self.prompts.model_dump(mode="json", exclude={"reasoning"}),
                "protocol": self.protocol,
                **self._of_tester(),
                **self._of_answers(),
            },
            "reasoning": {str(r): str(self.prompts_for(r).reasoning) for r in Role},
            "sources": list(self.sources),
            "limit_tasks": self.limit_tasks,
            "programs": self.programs,
            "tests": self.tests,
            "mutants": self.mutants,
            "scales": [f"{n}x{m}" for n, m in self.scales],
        }

    def _of_tester(self) -> dict[str, Any]:
        if self.tester_prompts is None:
            return {}
        held = self.tester_prompts.model_dump(mode="json", exclude={"reasoning"})
        return {"tester_prompts": held}

    def _of_answers(self) -> dict[str, Any]:
        if self.answers is None:
            return {}
        reading = asdict(self.prompts.reading(""))
        asked = {"params": None, "seed": None, "prompts": None}
        return {**asked, "answers": self.answers, "reading": reading}


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of sampling and grading; None leaves it to the protocol."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    max_tests: int | None = None
    checker: str | None = None


def under(protocol: Protocol | None, plan: Plan, given: Given) -> Plan:
    """The plan with what a protocol says, and upon that what the user says."""
    params, max_tests, checker, prompts = _USUAL, given.max_tests, given.checker, plan.prompts
    of_tester = plan.tester_prompts
    if protocol is Protocol.OFFICIAL:
        params, max_tests, checker = OFFICIAL_PARAMS, max_tests or 8, checker or "tokens"
        theirs = {
            "coder_examples": 0,
            "tester_examples": 0,
            "read_programs": ProgramRule.CURE,
            "read_tests": TestRule.LAST,
        }
        prompts = prompts.model_copy(update=theirs)
        of_tester = None if of_tester is None else of_tester.model_copy(update=theirs)
    return replace(
        plan,
        params=ChatParams(
            temperature=params.temperature if given.temperature is None else given.temperature,
            top_p=params.top_p if given.top_p is None else given.top_p,
            top_k=params.top_k if given.top_k is None else given.top_k,
            max_tokens=params.max_tokens if given.max_tokens is None else given.max_tokens,
            stop=given.stop,
        ),
        max_tests=max_tests,
        checker=checker,
        prompts=prompts,
        tester_prompts=of_tester,
        protocol=protocol,
    )


def scales_of(text: str) -> tuple[Scale, ...]:
    """``1x1,16x16``. Raises `ConfigError`."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})[x×](\d{1,6})\s*", part, re.ASCII)
        if not match or int(match[1]) < 1:
            raise ConfigError(f"--scale {text}: give programs x tests, such as 1x1,16x16")
        found.append((int(match[1]), int(match[2])))
    return tuple(dict.fromkeys(found))


def prompts_of(name: str) -> PromptSettings:
    """The ``[prompts]`` of a recipe file, of a run (its directory), or of the embedded recipe
    (``nano``)."""
    return load_recipe(NANO_RECIPE if name == "nano" else Path(name)).prompts


def task_digest(task: Task) -> str:
    """A hash of all that a task is, its place in a file left out."""
    held = asdict(task)
    del held["source"]
    for name in ("preamble", "head"):  # a task without them is what it was before there were any
        if not held[name]:
            del held[name]
    return digest(held)


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The names under ``fixed`` that differ between two records, with their values if short; of
    a table (``params``) the keys in it, as ``params.temperature``."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        was, is_now = before.get(name), now.get(name)
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            found += [f"{name}.{key}" for key in changed(was, is_now)]
        elif was != is_now:
            texts = [json.dumps(x, default=str) for x in (was, is_now)]
            short = max(map(len, texts)) <= 120
            found.append(f"{name} ({texts[0]}, now {texts[1]})" if short else name)
    return found
