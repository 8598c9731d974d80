"""A reward or an advantage as a sum of terms, for all responses of a group at once.

`Sum` adds term after term, in the order in which numbers are rounded; what it comes to is the
figure that learning goes by. A term keeps its value for every response and a reason in words. The
words are only made when somebody reads them, so that a training step does not pay for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.scoring.matrix import Bools, Floats


class Effect(StrEnum):
    """What a term does to the number so far."""

    FACT = "fact"
    """Nothing: it is a number that others follow from, or words alone (NaN)."""
    ADD = "add"
    TIMES = "times"
    OVER = "over"
    """Divides."""
    SET = "set"
    """Takes its place, whatever it was. NaN: no label."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a reason calls the rows and columns of a pass matrix: P0 and O1, G0 or K2."""

    programs: Sequence[str]
    tests: Sequence[str]
    """Of the tests that decide who is correct."""
    kind: str = "ground-truth tests"


Reason = Callable[[int, Names], str]
"""The reason of a term for response i."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A term as it applies to one response."""

    effect: Effect
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Term:
    """One step of a calculation [responses]. It applies ``where`` that is True."""

    name: str
    effect: Effect
    value: Floats
    where: Bools
    reason: str | Reason

    def applied(self, i: int, names: Names) -> Applied:
        """The term of response ``i``, which it applies to."""
        reason = self.reason if isinstance(self.reason, str) else self.reason(i, names)
        return Applied(self.effect, float(self.value[i]), reason)


@dataclass(frozen=True, slots=True)
class Rewards:
    """Rewards of one role in a group [responses], NaN where there is no label, and their terms."""

    value: Floats
    terms: tuple[Term, ...]

    def by_name(self, i: int) -> Mapping[str, float]:
        """The terms that made response ``i``'s reward, for the record: facts left out."""
        return {
            t.name: float(t.value[i])
            for t in self.terms
            if t.where[i] and t.effect is not Effect.FACT
        }


class Sum:
    """What the terms so far come to [responses], from 0."""

    def __init__(self, count: int) -> None:
        self.value: Floats = np.zeros(count)
        self.terms: list[Term] = []

    def fact(
        self,
        name: str,
        reason: str | Reason,
        value: Floats | float = math.nan,
        where: Bools | None = None,
    ) -> None:
        """Say something that changes nothing."""
        self._put(name, Effect.FACT, value, reason, where)

    def add(
        self, name: str, value: Floats | float, reason: str | Reason, where: Bools | None = None
    ) -> None:
        """Add ``value``."""
        self._put(name, Effect.ADD, value, reason, where)

    def times(
        self, name: str, value: Floats | float, reason: str | Reason, where: Bools | None = None
    ) -> None:
        """Multiply by ``value``."""
        self._put(name, Effect.TIMES, value, reason, where)

    def over(
        self, name: str, value: Floats | float, reason: str | Reason, where: Bools | None = None
    ) -> None:
        """Divide by ``value``."""
        self._put(name, Effect.OVER, value, reason, where)

    def set(
        self, name: str, value: Floats | float, reason: str | Reason, where: Bools | None = None
    ) -> None:
        """Let ``value`` take the place of all before."""
        self._put(name, Effect.SET, value, reason, where)

    def _put(
        self,
        name: str,
        effect: Effect,
        value: Floats | float,
        reason: str | Reason,
        where: Bools | None,
    ) -> None:
        one = np.broadcast_to(np.asarray(value, dtype=float), self.value.shape)
        applies = np.ones(self.value.shape, dtype=bool) if where is None else where
        self.terms.append(Term(name, effect, one, applies, reason))
        if effect is not Effect.FACT:
            with np.errstate(invalid="ignore", divide="ignore"):
                self.value = np.where(applies, _folded(effect, self.value, one), self.value) + 0.0
        # + 0.0: no −0


def _folded(effect: Effect, so_far: Floats, value: Floats) -> Floats:
    if effect is Effect.ADD:
        return so_far + value
    if effect is Effect.TIMES:
        return so_far * value
    if effect is Effect.OVER:
        return so_far / value
    return value
