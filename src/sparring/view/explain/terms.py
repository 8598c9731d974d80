"""An explanation as data: terms that add up to a number, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparring.rewards.advantages import DropReason
from sparring.schema import Role

_SAME = 1e-9


class Effect(StrEnum):
    """What a term does to the number so far."""

    FACT = "fact"
    """Nothing: it is a number that others follow from, or words alone (NaN)."""
    ADD = "add"
    TIMES = "times"
    SET = "set"
    """Takes its place, whatever it was. NaN: no label."""


@dataclass(frozen=True, slots=True)
class Term:
    """One step of a calculation and why it is made."""

    effect: Effect
    value: float
    reason: str


def fact(reason: str, value: float = math.nan) -> Term:
    """A term that changes nothing."""
    return Term(Effect.FACT, value, reason)


def result(terms: Sequence[Term]) -> float:
    """What the terms come to, from 0, in their order."""
    found = 0.0
    for term in terms:
        if term.effect is Effect.ADD:
            found += term.value
        elif term.effect is Effect.TIMES:
            found *= term.value
        elif term.effect is Effect.SET:
            found = term.value
    return found + 0.0  # no −0


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
    reward_terms: tuple[Term, ...]
    advantage_terms: tuple[Term, ...]
    recorded_reward: float | None
    recorded_advantage: float | None
    dropped: DropReason | None
    own: str | None = None

    @property
    def reward(self) -> float:
        """The reward, calculated anew; NaN where there is none."""
        return result(self.reward_terms)

    @property
    def advantage(self) -> float:
        """The advantage, calculated anew."""
        return result(self.advantage_terms)

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


def same(one: float, other: float) -> bool:
    """Equal but for rounding; NaN equals NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)


def number(value: float, sign: bool = False) -> str:
    """Four digits at most; NaN is "none"."""
    if math.isnan(value):
        return "none"
    return f"{value + 0.0:{'+' if sign else ''}.4g}"


_SIGN = {Effect.TIMES: "×", Effect.SET: "="}


def amount(term: Term) -> str:
    """What a term does, as it stands before its reason: "+2", "× 0.5", "= 0", "(4)" for a fact,
    nothing for words alone."""
    if term.effect is Effect.FACT:
        return "" if math.isnan(term.value) else f"({number(term.value)})"
    if term.effect is Effect.ADD:
        return number(term.value, True)
    return f"{_SIGN[term.effect]} {number(term.value)}"
