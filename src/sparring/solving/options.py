"""Options of a session: models and sampling as in an evaluation, sizes, budget, and decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sparring.errors import ConfigError
from sparring.evaluation.options import EvalOptions
from sparring.policy.chat.base import ChatRequest
from sparring.policy.chat.endpoint import LIMITS
from sparring.schema import Role, Task
from sparring.selection.calibration import Calibration
from sparring.selection.rules import RULES
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget

THRESHOLD = 0.5
"""Probability of being right below which a solution is not vouched for."""


def _is_limit(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


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
        if self.budget.tokens is not None and self._is_unlimited():
            raise ConfigError(
                "--extra max_tokens: without a limit of the response a budget of tokens cannot be "
                "kept; add --extra max_completion_tokens=N, or leave it out"
            )

    @property
    def fixed_response(self) -> int | None:
        """Longest response by a limit of the user's own (``--extra``), which replaces
        ``max_tokens``; None where there is none."""
        extra = self.asking.extra
        limits = [extra[name] for name in LIMITS if _is_limit(extra.get(name))]
        if limits and "max_tokens" not in extra:
            limits.append(self.asking.params.max_tokens)  # is sent too; which counts is unknown
        return max(limits, default=None)

    def _is_unlimited(self) -> bool:
        """Return whether ``--extra`` takes away the limit of a response: null, or a number that
        some servers take for no limit, such as -1."""
        extra = self.asking.extra
        given = [extra[name] for name in LIMITS if extra.get(name) is not None]
        missing = "max_tokens" in extra and self.fixed_response is None
        return missing or not all(map(_is_limit, given))

    def first_requests(self, task: Task) -> dict[Role, ChatRequest]:
        """Return each role's request for its first response, equal to that of `sparring eval`."""
        one = replace(self.asking, programs=1, tests=1)
        return {request.role: request for request in one.requests([task])}
