"""A reward or an advantage as a sum of terms, for all responses of a group at once.

`Sum` puts term after term on what it has, in a fixed order: floating-point sums round, and records
must come out bit for bit. The result is the figure that learning goes by. A term keeps its value
for every response, and a reason. The words of a reason are made when somebody reads them: a
training step does not pay for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats

AnyRewards = TypeVar("AnyRewards", bound="Rewards")


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


Why = Callable[[int, MatrixNames], str]
"""The reason of a term for response i."""


@dataclass(frozen=True, slots=True)
class Term:
    """One step of the calculation [responses]. It applies to the responses ``where`` it says so."""

    name: str
    effect: Effect
    value: Floats
    where: Bools
    why: Why

    def dealt(self, order: NDArray[np.int64]) -> Term:
        """The term with response ``order[i]`` in the place of i."""
        value, where = self.value[order], self.where[order]
        return Term(self.name, self.effect, value, where, lambda i, n: self.why(int(order[i]), n))


@dataclass(frozen=True, slots=True)
class Rewards:
    """What the responses of one role earn [responses], NaN where there is no label, and why."""

    value: Floats
    terms: tuple[Term, ...]

    def by_name(self, i: int) -> dict[str, float]:
        """The values of the terms that made response ``i``'s reward, facts left out."""
        made = (t for t in self.terms if t.where[i] and t.effect is not Effect.FACT)
        return {t.name: float(t.value[i]) for t in made}

    def dealt(self, order: NDArray[np.int64]) -> Self:
        """Give each response the reward, and the reasons, of the one that ``order`` names."""
        terms = tuple(t.dealt(order) for t in self.terms)
        return replace(self, value=self.value[order], terms=terms)


class Sum:
    """The terms so far and the number that they come to, for each response."""

    def __init__(self, count: int, before: Rewards | None = None) -> None:
        """Begin at 0, or at the rewards ``before``."""
        self.value: Floats = np.zeros(count) if before is None else before.value
        self.terms: tuple[Term, ...] = () if before is None else before.terms

    def say(
        self,
        name: str,
        why: Why | str,
        where: Bools | None = None,
        value: Floats | float = math.nan,
    ) -> None:
        """Put a fact that others follow from."""
        self.put(Effect.FACT, name, value, why, where)

    def put(
        self,
        effect: Effect,
        name: str,
        value: Floats | float,
        why: Why | str,
        where: Bools | None = None,
    ) -> None:
        """Put one more term: for all responses, or ``where`` it applies, if anywhere. Raises
        ValueError for a name that one of them has already: records keep one value by name."""
        if where is not None and not where.any():
            return
        each = np.full(self.value.shape, value, dtype=float)
        applies = np.ones(each.shape, dtype=bool) if where is None else where
        made = [t for t in self.terms if t.name == name and t.effect is not Effect.FACT]
        if effect is not Effect.FACT and any((t.where & applies).any() for t in made):
            raise ValueError(f"a response has two terms {name!r}: name the second otherwise")
        words: Why = why if callable(why) else partial(_always, why)
        self.terms += (Term(name, effect, each, applies, words),)
        if effect is not Effect.FACT:
            self.value = np.where(applies, _after(effect, self.value, each), self.value)
            self.value += 0.0  # no −0


def _after(effect: Effect, before: Floats, value: Floats) -> Floats:
    if effect is Effect.ADD:
        return before + value
    if effect is Effect.TIMES:
        return before * value
    if effect is Effect.OVER:
        return np.divide(before, value, where=value != 0, out=np.zeros_like(before))
    return value


def _always(why: str, _: int, __: MatrixNames) -> str:
    return why


def given(rewards: AnyRewards, value: Floats, why: str) -> AnyRewards:
    """Put rewards that somebody else gives in the place of ``rewards``."""
    found = Sum(len(value))
    found.put(Effect.SET, "given", value, why)
    return replace(rewards, value=value, terms=found.terms)


def number(value: float, sign: bool = False) -> str:
    """Four digits at most; NaN is "none"."""
    return "none" if math.isnan(value) else f"{value + 0.0:{'+' if sign else ''}.4g}"


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
