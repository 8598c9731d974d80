"""A reward or an advantage as a sum of terms, for all responses of a group at once.

`Sum` puts term after term on what it has, in the order in which numbers are rounded; what comes
out is the figure that learning goes by. A term keeps its value for every response, and a reason.
The words of a reason are made when somebody reads them: a training step does not pay for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats


class Effect(StrEnum):
    """What a term does to the number so far."""

    FACT = "fact"
    """Nothing: it is a number that others follow from, or words alone (NaN)."""
    ADD = "add"
    TIMES = "times"
    OVER = "over"
    """Divides it."""
    SET = "set"
    """Takes its place, whatever it was. NaN: no label."""


@dataclass(frozen=True, slots=True)
class MatrixNames:
    """What reasons call the rows of a pass matrix (P0, O1) and the tests that decide who is correct
    (G0, K2), which are of this ``kind``."""

    programs: Sequence[str]
    tests: Sequence[str]
    kind: str = "ground-truth tests"


AnyRewards = TypeVar("AnyRewards", bound="Rewards")
Why = str | Callable[[int, MatrixNames], str]
"""Why a term applies: for all responses alike, or for response i."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A term as it applies to one response."""

    effect: Effect
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Term:
    """One step of the calculation, with a value for each response [responses]; the responses that
    it applies to are those ``where`` is True."""

    name: str
    effect: Effect
    value: Floats
    where: Bools
    reason: Why

    def applied(self, i: int, names: MatrixNames) -> Applied:
        """The term as response ``i`` has it."""
        reason = self.reason if isinstance(self.reason, str) else self.reason(i, names)
        return Applied(self.effect, float(self.value[i]), reason)

    def dealt(self, order: NDArray[np.int64]) -> Term:
        """The term with response ``order[i]`` in the place of i."""
        reason = self.reason
        if not isinstance(reason, str):
            of = reason

            def reason(i: int, names: MatrixNames) -> str:
                return of(int(order[i]), names)

        return replace(self, value=self.value[order], where=self.where[order], reason=reason)


@dataclass(frozen=True, slots=True)
class Rewards:
    """What the responses of one role earn [responses], NaN where there is no label, and why."""

    value: Floats
    terms: tuple[Term, ...]

    def by_name(self, i: int) -> dict[str, float]:
        """The values of the terms that made response ``i``'s reward, facts left out."""
        return {
            t.name: float(t.value[i])
            for t in self.terms
            if t.where[i] and t.effect is not Effect.FACT
        }

    def dealt(self, order: NDArray[np.int64]) -> Self:
        """Give each response the reward, and the reasons, of the one that ``order`` names."""
        terms = tuple(t.dealt(order) for t in self.terms)
        return replace(self, value=self.value[order], terms=terms)


def given(rewards: AnyRewards, value: Floats, why: str) -> AnyRewards:
    """Put rewards that somebody else gives in the place of ``rewards``."""
    found = Sum(len(value))
    found.put(Effect.SET, "given", value, why)
    return replace(rewards, value=value, terms=found.terms)


class Sum:
    """The terms so far and the number that they come to, for each response."""

    def __init__(self, count: int, before: Rewards | None = None) -> None:
        """Begin at 0, or at the rewards ``before``."""
        self.value: Floats = np.zeros(count) if before is None else before.value
        self._terms: list[Term] = [] if before is None else list(before.terms)

    @property
    def terms(self) -> tuple[Term, ...]:
        """In the order in which they were put."""
        return tuple(self._terms)

    def say(
        self,
        name: str,
        reason: Why,
        where: Bools | None = None,
        value: Floats | float = math.nan,
    ) -> None:
        """Put a fact that others follow from."""
        self.put(Effect.FACT, name, value, reason, where)

    def put(
        self,
        effect: Effect,
        name: str,
        value: Floats | float,
        reason: Why,
        where: Bools | None = None,
    ) -> None:
        """Put one more term: for all responses, or ``where`` it applies."""
        shape = self.value.shape
        each = np.broadcast_to(np.asarray(value, dtype=float), shape)
        applies = np.ones(shape, dtype=bool) if where is None else where
        self._terms.append(Term(name, effect, each, applies, reason))
        with np.errstate(invalid="ignore", divide="ignore"):
            after = _after(effect, self.value, each)
        self.value = np.where(applies, after, self.value) + 0.0  # no −0


def _after(effect: Effect, before: Floats, value: Floats) -> Floats:
    if effect is Effect.ADD:
        return before + value
    if effect is Effect.TIMES:
        return before * value
    if effect is Effect.OVER:
        return before / value
    return value if effect is Effect.SET else before


def number(value: float, sign: bool = False) -> str:
    """Four digits at most; NaN is "none"."""
    if math.isnan(value):
        return "none"
    return f"{value + 0.0:{'+' if sign else ''}.4g}"


def listed(
    names: Sequence[str], chosen: Bools, weights: Floats | None = None, most: int = 12
) -> str:
    """The chosen names, "none" of none, with a count of those beyond ``most``; each with its
    weight, where weights are given."""
    found = [
        names[i] if weights is None else f"{names[i]} ({number(weights[i])})"
        for i in np.flatnonzero(chosen).tolist()
    ]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return (" ".join(found[:most]) or "none") + more
