"""Terms of one response's reward and advantage, with reasons, and their written form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.rewards.advantages import DropReason
from sparring.rewards.terms import Effect, effect_text, number
from sparring.schema import Role

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Applied:
    """Term as it applies to one response: its effect, its value, and the reason in words."""

    effect: Effect
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of one response's reward and advantage.

    ``label`` is the response's name (P3, U0); ``rule`` is the formula in force. ``recorded_reward``
    and ``recorded_advantage`` are the run's own figures: NaN means "no label", None "not recorded".
    ``own`` names the user's reward function, if there is one: such a function gives no reasons, and
    the recorded reward is taken unchanged.
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
        """Return a sentence for each figure that is not as recorded; empty if both agree."""
        pairs = {
            "reward": (self.reward, self.recorded_reward),
            "advantage": (self.advantage, self.recorded_advantage),
        }
        return [
            f"the recorded {name} is {number(kept)}; by this recipe and matrix it is {number(new)}"
            for name, (new, kept) in pairs.items()
            if kept is not None and not same(new, kept)
        ]


def recorded(entry: Mapping[str, Any], name: str) -> float | None:
    """Return a recorded figure: NaN for a recorded null, None where the record lacks the key."""
    if name not in entry:
        return None
    value = entry[name]
    return math.nan if value is None else float(value)


def same(one: float, other: float) -> bool:
    """Return whether two figures are equal up to rounding; NaN equals NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)


def amount(term: Applied) -> str:
    """Return the effect of a term in signs, as `effect_text` has it."""
    return effect_text(term.effect, term.value)
