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
from sparring.policy.chat.base import ChatParams, ChatRequest
from sparring.policy.settings import Precision
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.rules import ProgramRule, TestRule
from sparring.prompts.settings import PromptSettings
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.types import Level
from sparring.schema import Role, Task
from sparring.tasks.checkers.checker import parse_checker
from sparring.tasks.sources import TASK_SEED, USUAL_COUNT, tasks_of

USUAL_SCALES = "1x1,2x2,4x4,16x16"
_KS = (1, 2, 4, 5, 8, 10, 16, 32, 64, 100)
_SECRETS = ("api_key", "apikey", "key", "token", "access_token", "authorization", "password")

Scale = tuple[int, int]
"""Scales of Best-of-N: the number of programs to choose from, and of tests to choose by."""


class Protocol(StrEnum):
    """Named set of evaluation options."""

    OFFICIAL = "official"
    """Protocol of the paper's released code: temperature 0.8, top-p 0.95, top-k 40, 16 + 16
    responses of up to 10,000 tokens, at most 8 ground-truth tests, outputs compared by white space,
    no public example in the prompts."""


_OFFICIAL_PROMPTS = {
    "coder_examples": 0,
    "tester_examples": 0,
    "read_programs": ProgramRule.CURE,
    "read_tests": TestRule.LAST,
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Model as the user names it."""

    place: str
    """A server's address, a directory, a hub id or ``nano``."""
    model: str | None = None
    """Name of the model at a server that has several."""
    key: str | None = None
    """Environment variable with the key of the server; by default OPENAI_API_KEY."""
    end_tokens: tuple[str, ...] = ()
    """Further tokens that end a response of a local model."""
    precision: Precision | None = None
    """Type of a local model's weights; None means float32."""
    key_option: str = field(default="--coder-key", compare=False)
    """Command-line option of ``key``, for messages."""

    @property
    def is_served(self) -> bool:
        """True if the model is at a server."""
        return "://" in self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """Options of an evaluation: models, tasks, sampling, figures, and how to ask and run.

    An option that the user leaves open (None) is filled in by the run that trained the model
    (`trained`), by the protocol (`with_protocol`), or by the defaults of `params`.
    """

    sources: tuple[str, ...]
    models: Mapping[Role, ModelSpec] = field(default_factory=dict)
    """Models by role. Empty where answers made elsewhere are graded."""
    programs: int = 16
    """Programs to sample for each task."""
    tests: int = 16
    """Tests to sample for each task."""
    mutants: int = 20
    """Mutants of each reference solution, which measure the tests; 0 measures nothing."""
    scales: tuple[Scale, ...] | None = None
    """Scales of Best-of-N. None means those of `USUAL_SCALES` that fit, and all responses."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    """Longest response, in tokens."""
    tester_max_tokens: int | None = None
    """Longest response of the tester. None means ``max_tokens``."""
    stop: tuple[str, ...] = ()
    """Texts that end a response."""
    seed: int = 0
    """Seed of the sampling."""
    max_tests: int | None = None
    """Largest number of ground-truth tests to use for each task."""
    limit_tasks: int | None = None
    """Number of first tasks that are used."""
    checker: str | None = None
    """Rule that compares outputs in place of each task's own rule."""
    prompts: PromptSettings | None = None
    tester_prompts: PromptSettings | None = None
    """Prompts of the tester in place of ``prompts``."""
    protocol: Protocol | None = None
    answers: str | None = None
    """Digest of answers made elsewhere, whose prompts and sampling are unknown."""
    reasoning: Mapping[Role, ReasoningMode] = field(default_factory=dict)
    """Start of a role's reasoning in place of the value in its prompts."""

    # No figure depends on the options below.
    concurrency: int | None = None
    """Most responses in flight. None means 16 of a server and 64 of a local model."""
    per_minute: float | None = None
    """Most requests per minute to a server."""
    attempts: int = 10
    """Most requests to a server for one response."""
    seconds: float = 600.0
    """Longest wait for a server's response, in seconds."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request to a server."""
    budget: int | None = None
    """Number of tokens after which nothing more is asked."""
    cache: Path | None = None
    """Directory of responses and outcomes that evaluations share."""
    workers: int | None = None
    """Worker processes of the sandbox."""
    level: Level | None = None
    """Isolation level that is required."""
    packages: Packages = NO_PACKAGES
    """Packages that programs may import."""

    def __post_init__(self) -> None:
        if self.checker is not None:
            try:
                parse_checker(self.checker)
            except ValueError as error:
                raise ConfigError(f"--checker: {error}") from None

    def check_scales(self) -> None:
        """Raise `ConfigError` for a scale of more programs or tests than each task has."""
        for n, m in self.scaled:
            if n > self.programs or m > self.tests:
                raise ConfigError(
                    f"--scale {n}x{m}: too large; there are {self.programs} programs and "
                    f"{self.tests} tests "
                    + ("of every task" if self.answers else "per task (-n, -m)")
                )

    @property
    def scaled(self) -> tuple[Scale, ...]:
        """Scales of Best-of-N, the usual ones where the user sets none."""
        if self.scales is not None or not self.programs or not self.tests:
            return self.scales or ()
        fitting = [
            (n, m) for n, m in scales_of(USUAL_SCALES) if n <= self.programs and m <= self.tests
        ]
        return tuple(dict.fromkeys([*fitting, (self.programs, self.tests)]))

    @property
    def ks(self) -> tuple[int, ...]:
        """Values of k in pass@k."""
        return tuple(sorted({k for k in (*_KS, self.programs) if k <= self.programs}))

    @property
    def wanted(self) -> dict[Role, int]:
        """Responses per task to ask for, by role."""
        return {Role.CODER: self.programs, Role.TESTER: self.tests}

    @property
    def params(self) -> ChatParams:
        """Sampling parameters of the coder, with defaults for open options. Raises for values out
        of range."""
        usual = ChatParams()
        return ChatParams(
            temperature=usual.temperature if self.temperature is None else self.temperature,
            top_p=usual.top_p if self.top_p is None else self.top_p,
            top_k=usual.top_k if self.top_k is None else self.top_k,
            max_tokens=usual.max_tokens if self.max_tokens is None else self.max_tokens,
            stop=self.stop,
        )

    def params_for(self, role: Role) -> ChatParams:
        """Return the sampling parameters of a role. Raises for values out of range."""
        if role is Role.CODER or self.tester_max_tokens is None:
            return self.params
        return replace(self.params, max_tokens=self.tester_max_tokens)

    def prompts_for(self, role: Role) -> PromptSettings:
        """Return the prompts of a role, with the user's ``reasoning`` for the role."""
        own = (self.tester_prompts if role is Role.TESTER else None) or self.default_prompts
        return own.model_copy(update={"reasoning": self.reasoning.get(role, own.reasoning)})

    @property
    def default_prompts(self) -> PromptSettings:
        """Prompts of both roles, unless the tester has prompts of its own."""
        return self.prompts or PromptSettings()

    def load(self) -> list[Task]:
        """Load the tasks. Raises `DataError` and `ConfigError`."""
        count = self.limit_tasks or USUAL_COUNT
        tasks = tasks_of(self.sources, count, TASK_SEED, self.max_tests)[: self.limit_tasks]
        if self.checker is not None:
            # The checker compares printed text; a function's values have a rule of their own.
            tasks = [t if t.entry_point else replace(t, checker=self.checker) for t in tasks]
        return tasks

    def requests(self, tasks: Sequence[Task]) -> list[ChatRequest]:
        """Return a request for every wanted response, task by task."""
        prompts = {role: self.prompts_for(role) for role in Role}
        templates = {role: p.templates() for role, p in prompts.items()}
        examples = {
            Role.CODER: prompts[Role.CODER].coder_examples,
            Role.TESTER: prompts[Role.TESTER].tester_examples,
        }
        wanted, params = self.wanted, {role: self.params_for(role) for role in Role}
        return [
            ChatRequest(task.id, role, index, message, seed, params[role])
            for task in tasks
            for role in Role
            for message in [templates[role].fill(task, role, examples[role])]
            for seed in [sampling_seed(self.seed, -1, task.id, role)]
            for index in range(wanted[role])
        ]


def with_protocol(options: EvalOptions) -> EvalOptions:
    """Return the options with open ones filled in by their protocol."""
    if options.protocol is not Protocol.OFFICIAL:
        return options
    o, tester_prompts = options, options.tester_prompts
    return replace(
        o,
        temperature=0.8 if o.temperature is None else o.temperature,
        top_p=0.95 if o.top_p is None else o.top_p,
        top_k=40 if o.top_k is None else o.top_k,
        max_tokens=10_000 if o.max_tokens is None else o.max_tokens,
        max_tests=o.max_tests or 8,
        checker=o.checker or "tokens",
        prompts=o.default_prompts.model_copy(update=_OFFICIAL_PROMPTS),
        tester_prompts=tester_prompts and tester_prompts.model_copy(update=_OFFICIAL_PROMPTS),
    )


def scales_of(text: str) -> tuple[Scale, ...]:
    """Parse scales such as ``1x1,16x16``. Raises `ConfigError`."""
    scales = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})[x×](\d{1,6})\s*", part, re.ASCII)
        if not match or int(match[1]) < 1:
            raise ConfigError(
                f"--scale {text}: not a list of scales; give programs x tests, such as 1x1,16x16"
            )
        scales.append((int(match[1]), int(match[2])))
    return tuple(dict.fromkeys(scales))


def prompts_of(name: str) -> PromptSettings:
    """Return the ``[prompts]`` of a recipe file, of a run's directory, or of ``nano``."""
    return load_recipe(NANO_RECIPE if name == "nano" else Path(name)).prompts


def extra_fields(options: Sequence[str]) -> dict[str, Any]:
    """Parse ``KEY=VALUE`` options as fields of a request. A value that is no JSON is a text.

    Raises `ConfigError`, also for fields that Sparring sets and for secrets, because the fields are
    written to disk.
    """
    fields: dict[str, Any] = {}
    for text in options:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"--extra {text}: must be KEY=VALUE")
        check_field(name)
        try:
            fields[name.strip()] = json.loads(value)
        except ValueError:
            fields[name.strip()] = value
    return fields


def check_field(name: str) -> None:
    """Raise `ConfigError` for a field of a request that Sparring sets, and for a secret, because
    the fields are written to disk."""
    if name in ("messages", "model", "stream", "n"):
        raise ConfigError(f"--extra {name}: Sparring sets this field itself; leave it out")
    if name.strip().lower().replace("-", "_") in _SECRETS:
        raise ConfigError(
            f"--extra {name}: extra fields are written to disk; put a key into an environment "
            "variable and name the variable (--coder-key, --tester-key)"
        )
