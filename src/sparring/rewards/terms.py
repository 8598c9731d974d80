"""A reward or an advantage as a sum of terms, for all responses of a group at once.

`TermSum` applies one term after another. The order is fixed, because floating-point sums round and
a repeated calculation must equal its record to the bit. Learning uses the final number. Each term
keeps its value for every response, and a reason. The words of a reason are made only when somebody
reads them, so that a training step does not pay for words.
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
    """Effect of a term on the number so far."""

    FACT = "fact"
    """None: the term is a number that other terms follow from, or words alone (value NaN)."""
    ADD = "add"
    TIMES = "times"
    OVER = "over"
    """Divides the number."""
    SET = "set"
    """Replaces the number, whatever it was. NaN means: no label."""


@dataclass(frozen=True, slots=True)
class MatrixNames:
    """Names that reasons use for the rows of the matrix and for the tests.

    P0 is a program of the group, I1 a program of the initial policy. G0 or K2 is a test that
    decides which programs are correct; ``kind`` is the kind of these tests.
    """

    programs: Sequence[str]
    tests: Sequence[str]
    kind: str = "ground-truth tests"


Why = Callable[[int, MatrixNames], str]
"""Function (i, names) → the reason of a term for response i, in words."""


@dataclass(frozen=True, slots=True)
class Term:
    """One step of the calculation: a value for each response [responses], and the responses
    ``where`` the step applies."""

    name: str
    effect: Effect
    value: Floats
    where: Bools
    why: Why

    def dealt(self, order: NDArray[np.int64]) -> Term:
        """Return the term with the value and the reason of response ``order[i]`` at place i."""
        value, where = self.value[order], self.where[order]
        return Term(self.name, self.effect, value, where, lambda i, n: self.why(int(order[i]), n))


@dataclass(frozen=True, slots=True)
class Rewards:
    """Rewards of one role's responses [responses], NaN where there is no label, and the terms that
    make them up."""

    value: Floats
    terms: tuple[Term, ...]

    def by_name(self, i: int) -> dict[str, float]:
        """Return the terms of response ``i``'s reward as name → value, without the facts."""
        applied = (t for t in self.terms if t.where[i] and t.effect is not Effect.FACT)
        return {t.name: float(t.value[i]) for t in applied}

    def dealt(self, order: NDArray[np.int64]) -> Self:
        """Return rewards in which response i has the reward, and the reasons, of ``order[i]``."""
        terms = tuple(t.dealt(order) for t in self.terms)
        return replace(self, value=self.value[order], terms=terms)


class TermSum:
    """Running sum for each response: the terms so far, and the number that they come to."""

    def __init__(self, count: int, before: Rewards | None = None) -> None:
        """Start at 0 for ``count`` responses, or at the rewards ``before``."""
        self.value: Floats = np.zeros(count) if before is None else before.value
        self.terms: tuple[Term, ...] = () if before is None else before.terms

    def say(
        self,
        name: str,
        why: Why | str,
        where: Bools | None = None,
        value: Floats | float = math.nan,
    ) -> None:
        """Add a fact: a number that other terms follow from, or words alone."""
        self.put(Effect.FACT, name, value, why, where)

    def put(
        self,
        effect: Effect,
        name: str,
        value: Floats | float,
        why: Why | str,
        where: Bools | None = None,
    ) -> None:
        """Apply one more term, to all responses or to those ``where`` it applies. A term that
        applies to no response is left out.

        Raises ValueError if one of these responses has a term of this name already, because records
        keep one value by name.
        """
        if where is not None and not where.any():
            return
        values = np.full(self.value.shape, value, dtype=float)
        applies = np.ones(values.shape, dtype=bool) if where is None else where
        same_name = [t for t in self.terms if t.name == name and t.effect is not Effect.FACT]
        if effect is not Effect.FACT and any((t.where & applies).any() for t in same_name):
            raise ValueError(f"a response has two terms {name!r}: name the second otherwise")
        reason: Why = why if callable(why) else partial(_always, why)
        self.terms += (Term(name, effect, values, applies, reason),)
        if effect is not Effect.FACT:
            self.value = np.where(applies, _after(effect, self.value, values), self.value)
            self.value += 0.0  # −0 becomes 0: records show the sign


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


def replaced_rewards(rewards: AnyRewards, value: Floats, why: str) -> AnyRewards:
    """Return ``rewards`` with their values replaced by those of a function outside the formulas."""
    total = TermSum(len(value))
    total.put(Effect.SET, "given", value, why)
    return replace(rewards, value=value, terms=total.terms)


def number(value: float, sign: bool = False) -> str:
    """Return ``value`` in four significant digits at most, NaN as "none"."""
    return "none" if math.isnan(value) else f"{value + 0.0:{'+' if sign else ''}.4g}"


def effect_text(effect: Effect, value: float) -> str:
    """Return the effect of a term in signs: "+2", "× 0.5", "= 0", "(4)" for a fact.

    A fact without a number gives the empty text.
    """
    if effect is Effect.FACT:
        return "" if math.isnan(value) else f"({number(value)})"
    if effect is Effect.ADD:
        return number(value, True)
    if effect is Effect.OVER:
        return f"× {number(1 / value)}"
    return f"{'×' if effect is Effect.TIMES else '='} {number(value)}"


def names_line(
    names: Sequence[str], chosen: Bools, weights: Floats | None = None, most: int = 12
) -> str:
    """Return the ``chosen`` names in a line, or "none" if there is none.

    The line has at most ``most`` names, then the number of the others. Each name has its weight
    where ``weights`` are given.
    """
    words = [
        names[i] if weights is None else f"{names[i]} ({number(weights[i])})"
        for i in np.flatnonzero(chosen).tolist()
    ]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return (" ".join(words[:most]) or "none") + more
