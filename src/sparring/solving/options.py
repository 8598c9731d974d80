"""Options of a session: models and sampling as in an evaluation, sizes, budget, and decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sparring.errors import ConfigError
from sparring.evaluation.options import EvalOptions
from sparring.policy.chat.base import ChatRequest
from sparring.schema import Role, Task
from sparring.selection.calibration import Calibration
from sparring.selection.rules import RULES
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget

THRESHOLD = 0.5
"""Probability of being right below which a solution is not vouched for."""


_LIMITS = ("max_tokens", "max_completion_tokens")
"""Fields of a request that limit a response."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Most programs ``n`` and tests ``m`` to sample, and most ``repairs`` of a program."""

    n: int = 16
    m: int = 16
    repairs: int = 0

    def __post_init__(self) -> None:
        for option, value in (("-n", self.n), ("-m", self.m), ("--repair", self.repairs)):
            if value < 0:
                raise ConfigError(f"{option} {value}: must be at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveOptions:
    """Options of one session.

    ``asking`` holds the models, their prompts, the sampling parameters and the seed; its numbers of
    programs and tests have no effect here. ``select`` is a selector in place of the default rule. A
    solution whose probability of being right is below ``threshold`` is marked as
    such (`result.abstains`). ``calibration`` replaces the shipped one in that probability.
    """

    asking: EvalOptions
    sizes: Sizes = field(default_factory=Sizes)
    budget: Budget = field(default_factory=Budget)
    select: Selector | None = None
    threshold: float = THRESHOLD
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if self.select is not None and self.select not in RULES:
            needs = "ground truth" if self.select is Selector.ORACLE else "samples of an evaluation"
            raise ConfigError(
                f"--select {self.select}: needs the {needs}, which a problem has not; choose one "
                f"of {', '.join(RULES)}"
            )
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"--sure {self.threshold:g}: must be from 0 to 1")
        if (
            self.budget.tokens is not None
            and "max_tokens" in self.asking.extra
            and self.fixed_response is None
        ):
            raise ConfigError(
                "--extra max_tokens: without a limit of the response a budget of tokens cannot be "
                "kept; add --extra max_completion_tokens=N, or leave it out"
            )

    @property
    def fixed_response(self) -> int | None:
        """Longest response by a limit of the user's own (``--extra``), which replaces
        ``max_tokens``; None where there is none."""
        given = [self.asking.extra[name] for name in _LIMITS if name in self.asking.extra]
        return max((n for n in given if isinstance(n, int)), default=None)

    def first_requests(self, task: Task) -> dict[Role, ChatRequest]:
        """Return each role's request for its first response, equal to that of `sparring eval`."""
        one = replace(self.asking, programs=1, tests=1)
        return {request.role: request for request in one.requests([task])}
