"""One response's reward and advantage as terms with reasons, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.rewards.advantages import DropReason
from sparring.rewards.terms import Effect, number
from sparring.schema import Role

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Applied:
    """A term as it applies to one response."""

    effect: Effect
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one response has its reward and its advantage.

    ``label`` is its name (P3, U0), ``rule`` the formula in force. ``recorded_…`` is what
    the run wrote down: NaN is "no label", None "nothing on record". ``own``: the reward is a
    function of the user's, whose reasons nobody knows; then the recorded reward is taken as it is.
    """

    role: Role
    label: str
    rule: str
    reward: float
    advantage: float
    reward_terms: tuple[Applied, ...]
    advantage_terms: tuple[Applied, ...]
    recorded_reward: float | None
    recorded_advantage: float | None
    dropped: DropReason | None
    own: str | None = None

    def differs(self) -> list[str]:
        """What comes out otherwise than recorded, in words; empty if all agrees."""
        pairs = {
            "reward": (self.reward, self.recorded_reward),
            "advantage": (self.advantage, self.recorded_advantage),
        }
        return [
            f"the {name} on record is {number(kept)}, by this recipe and matrix it is {number(now)}"
            for name, (now, kept) in pairs.items()
            if kept is not None and not same(now, kept)
        ]


def recorded(entry: Mapping[str, Any], name: str) -> float | None:
    """A recorded figure: null is NaN; None where there is no such entry."""
    if name not in entry:
        return None
    value = entry[name]
    return math.nan if value is None else float(value)


def same(one: float, other: float) -> bool:
    """Equal but for rounding; NaN equals NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)


def amount(term: Applied) -> str:
    """What a term does, as it stands before its reason: "+2", "× 0.5", "= 0", "(4)" for a fact,
    nothing for words alone."""
    if term.effect is Effect.FACT:
        return "" if math.isnan(term.value) else f"({number(term.value)})"
    if term.effect is Effect.ADD:
        return number(term.value, True)
    if term.effect is Effect.OVER:
        return f"× {number(1 / term.value)}"
    return f"{'×' if term.effect is Effect.TIMES else '='} {number(term.value)}"
