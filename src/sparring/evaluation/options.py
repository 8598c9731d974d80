"""The options of `sparring eval`: one object, from the command line to eval.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError
from sparring.policy.base import sampling_seed
from sparring.policy.chat.base import Ask, ChatParams
from sparring.policy.settings import Precision
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.rules import ProgramRule, TestRule
from sparring.prompts.settings import PromptSettings
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.types import Level
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
_SECRETS = ("api_key", "apikey", "key", "token", "access_token", "authorization", "password")

Scale = tuple[int, int]
"""n programs × m tests."""


class Protocol(StrEnum):
    """A whole way of evaluating, under a name."""

    OFFICIAL = "official"
    """That of the paper's released code: T = 0.8, top-p 0.95, top-k 40, 16 + 16 responses of up
    to 10,000 tokens, at most 8 ground-truth tests, outputs compared by white space, no public
    example shown."""


_OFFICIAL_PROMPTS = {
    "coder_examples": 0,
    "tester_examples": 0,
    "read_programs": ProgramRule.CURE,
    "read_tests": TestRule.LAST,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A model as the user names it: an address, a directory, a hub id or ``nano``. ``model`` and
    ``key`` (a variable of the environment) are for an address, ``end_tokens`` and the ``precision``
    of its weights (None: float32) for the others."""

    place: str
    model: str | None = None
    key: str | None = None
    end_tokens: tuple[str, ...] = ()
    precision: Precision | None = None
    key_option: str = field(default="--coder-key", compare=False)
    """The option that ``key`` is given by."""

    @property
    def distant(self) -> bool:
        return "://" in self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """What is to be evaluated, on what, and how. What a user leaves open (None) a run whose model
    is named fills in (`trained`), or the protocol (`under`), or the defaults of `params`."""

    sources: tuple[str, ...]
    models: Mapping[Role, Named] = field(default_factory=dict)
    """Empty where answers that were made elsewhere are graded."""
    programs: int = 16
    tests: int = 16
    """Responses per task and role."""
    mutants: int = 20
    """Of a task's reference solution, to measure its tests by; 0 measures nothing."""
    scales: tuple[Scale, ...] | None = None
    """Of Best-of-N; None: the usual ones that there are responses for, and all responses."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int = 0
    max_tests: int | None = None
    limit_tasks: int | None = None
    checker: str | None = None
    """Replaces every task's own."""
    prompts: PromptSettings | None = None
    tester_prompts: PromptSettings | None = None
    """In place of ``prompts`` for the tester."""
    protocol: Protocol | None = None
    answers: str | None = None
    """Digest of answers that were made elsewhere: how they were asked for is not known then."""
    reasoning: Mapping[Role, ReasoningMode] = field(default_factory=dict)
    """Where a role's reasoning begins, if another place than its prompts say."""

    # What no figure depends on
    concurrency: int | None = None
    """Responses in work at once; None: 16 at a server, 64 here."""
    per_minute: float | None = None
    attempts: int = 10
    seconds: float = 600.0
    """The longest wait for a response of a server."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request."""
    budget: int | None = None
    """Tokens after which nothing more is asked."""
    cache: Path | None = None
    workers: int | None = None
    level: Level | None = None
    packages: Packages = NO_PACKAGES

    def __post_init__(self) -> None:
        if self.checker is not None:
            try:
                parse_checker(self.checker)
            except ValueError as error:
                raise ConfigError(f"--checker: {error}") from None

    def check_scales(self) -> None:
        """Raise `ConfigError` for a scale with more responses than there are of a task."""
        for n, m in self.scaled:
            if n > self.programs or m > self.tests:
                raise ConfigError(
                    f"--scale {n}x{m}: there are {self.programs} programs and {self.tests} tests "
                    + ("of every task" if self.answers else "per task (-n, -m)")
                )

    @property
    def scaled(self) -> tuple[Scale, ...]:
        """The scales of Best-of-N."""
        if self.scales is not None or not self.programs or not self.tests:
            return self.scales or ()
        fitting = [
            (n, m) for n, m in scales_of(USUAL_SCALES) if n <= self.programs and m <= self.tests
        ]
        return tuple(dict.fromkeys([*fitting, (self.programs, self.tests)]))

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of pass@k."""
        return tuple(sorted({k for k in (*_KS, self.programs) if k <= self.programs}))

    @property
    def wanted(self) -> dict[Role, int]:
        """Responses per task, by role."""
        return {Role.CODER: self.programs, Role.TESTER: self.tests}

    @property
    def params(self) -> ChatParams:
        """How responses are sampled."""
        usual = ChatParams()
        return ChatParams(
            temperature=usual.temperature if self.temperature is None else self.temperature,
            top_p=usual.top_p if self.top_p is None else self.top_p,
            top_k=usual.top_k if self.top_k is None else self.top_k,
            max_tokens=usual.max_tokens if self.max_tokens is None else self.max_tokens,
            stop=self.stop,
        )

    def prompts_for(self, role: Role) -> PromptSettings:
        """How the model in this role is asked and read, with where its reasoning begins."""
        own = (self.tester_prompts if role is Role.TESTER else None) or self.asked_by
        return own.model_copy(update={"reasoning": self.reasoning.get(role, own.reasoning)})

    @property
    def asked_by(self) -> PromptSettings:
        """The prompts of both roles, where none are given for the tester alone."""
        return self.prompts or PromptSettings()

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
        prompts = {role: self.prompts_for(role) for role in Role}
        templates = {role: p.templates() for role, p in prompts.items()}
        shown = {
            Role.CODER: prompts[Role.CODER].coder_examples,
            Role.TESTER: prompts[Role.TESTER].tester_examples,
        }
        wanted, params = self.wanted, self.params
        return [
            Ask(task.id, role, index, message, seed, params)
            for task in tasks
            for role in Role
            for message in [templates[role].fill(task, role, shown[role])]
            for seed in [sampling_seed(self.seed, -1, task.id, role)]
            for index in range(wanted[role])
        ]


def under(options: EvalOptions) -> EvalOptions:
    """The options with what their protocol says of all that the user leaves open."""
    if options.protocol is not Protocol.OFFICIAL:
        return options
    o, theirs = options, options.tester_prompts
    return replace(
        o,
        temperature=0.8 if o.temperature is None else o.temperature,
        top_p=0.95 if o.top_p is None else o.top_p,
        top_k=40 if o.top_k is None else o.top_k,
        max_tokens=10_000 if o.max_tokens is None else o.max_tokens,
        max_tests=o.max_tests or 8,
        checker=o.checker or "tokens",
        prompts=o.asked_by.model_copy(update=_OFFICIAL_PROMPTS),
        tester_prompts=None if theirs is None else theirs.model_copy(update=_OFFICIAL_PROMPTS),
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


def extra_fields(given: Sequence[str]) -> dict[str, Any]:
    """``key=value`` options as fields of a request: JSON values, or else texts."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"--extra {text}: must be KEY=VALUE")
        if name in ("messages", "model", "stream", "n"):
            raise ConfigError(f"--extra {name}: is not to be changed")
        if name.strip().lower().replace("-", "_") in _SECRETS:
            raise ConfigError(
                f"--extra {name}: extra fields are written to disk; a key is given in the "
                "environment (--coder-key, --tester-key)"
            )
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found
