"""Problems: compositions of parts, with split, statement, program and answer.

A *composition* is a choice of parts. A *problem* adds constants, wordings, the input size and a
sentence pattern. Splits divide compositions (`Split`), so that a held-out composition occurs in no
training text in any wording.

`Problem.program` writes a problem as Python under given readings, and `Problem.answer` computes the
output of that program. `players.derive` writes the same computation as a chain of small steps. A
property test runs the programs and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np

from sparring.microworld.grammar import (
    CONDITIONS,
    COUNTING,
    EXPRESSIONS,
    LETTER_ANSWERS,
    LETTER_CHANGES,
    LETTER_SELECTIONS,
    NUMBER_ANSWERS,
    NUMBER_CHANGES,
    NUMBER_SELECTIONS,
    SCALAR_LOW,
    InputShape,
    Interpretation,
    ProblemPart,
    Value,
)

PARTS: dict[InputShape, tuple[tuple[ProblemPart, ...], ...]] = {
    InputShape.NUMBERS: (NUMBER_SELECTIONS, NUMBER_CHANGES, NUMBER_ANSWERS),
    InputShape.LETTERS: (LETTER_SELECTIONS, LETTER_CHANGES, LETTER_ANSWERS),
    InputShape.SCALARS: (CONDITIONS, EXPRESSIONS, EXPRESSIONS),
}
SIZES: dict[InputShape, tuple[int, ...]] = {
    InputShape.NUMBERS: (4, 5, 6),
    InputShape.LETTERS: (4, 5, 6),
    InputShape.SCALARS: (3,),
}
SHAPE_WEIGHTS: dict[InputShape, float] = {
    InputShape.NUMBERS: 0.5,
    InputShape.LETTERS: 0.3,
    InputShape.SCALARS: 0.2,
}
NOTHING = "none"
"""Output for an empty selection, unless the answer is a sum or a count."""


class Split(StrEnum):
    """Splits of the compositions, by their use."""

    WARM = "warm"
    """Text for the warm start of the nano model."""
    TRAIN = "train"
    """Reinforcement learning."""
    VALIDATION = "validation"
    """Choosing settings."""
    HELD_OUT = "held_out"
    """The reported evaluation."""


@dataclass(frozen=True, slots=True)
class Composition:
    """Choice of parts, by name, in the order of `PARTS`."""

    shape: InputShape
    names: tuple[str, str, str]

    @property
    def key(self) -> str:
        """Name of the composition, such as numbers:gt/add/sum."""
        return f"{self.shape}:{'/'.join(self.names)}"

    @property
    def split(self) -> Split:
        """Split by a hash of the key, which new parts do not change."""
        digest = hashlib.sha256(self.key.encode()).digest()
        share = int.from_bytes(digest[:4], "big") / 2**32
        if share < 0.55:
            return Split.WARM
        if share < 0.75:
            return Split.TRAIN
        return Split.VALIDATION if share < 0.80 else Split.HELD_OUT

    def parts(self) -> tuple[ProblemPart, ProblemPart, ProblemPart]:
        """Return the parts."""
        first, second, third = (
            next(p for p in parts if p.name == name)
            for parts, name in zip(PARTS[self.shape], self.names, strict=True)
        )
        return first, second, third


def compositions(shape: InputShape | None = None, split: Split | None = None) -> list[Composition]:
    """Return all compositions in a fixed order, or those of a shape or a split.

    Left out are pairs of branches that hide the boundary: both branches have the same value where p
    equals q.
    """
    selected = []
    for s in InputShape if shape is None else (shape,):
        for parts in product(*PARTS[s]):
            names = (parts[0].name, parts[1].name, parts[2].name)
            if s is InputShape.SCALARS and (
                names[1] == names[2] or set(names[1:]) in ({"p+r", "q+r"}, {"p-r", "r-q"})
            ):
                continue
            if names[0] in ("vowel", "consonant") and names[1] == "same" and names[2] == "distinct":
                continue  # with so few different letters hardly any input shows a mistake
            composition = Composition(s, names)
            if split is None or composition.split is split:
                selected.append(composition)
    return selected


@dataclass(frozen=True, slots=True)
class Interpretations:
    """One player's understanding of a problem: a reading for each part.

    ``guarded``: True if the player remembered the sentence on the empty selection.
    """

    chosen: tuple[Interpretation, Interpretation, Interpretation]
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """Composition with constants, wordings, input size and sentence pattern."""

    composition: Composition
    constants: tuple[Value | None, Value | None, Value | None]
    wordings: tuple[int, int, int]
    size: int
    pattern: int

    @property
    def right(self) -> Interpretations:
        """Right reading of each part."""
        first, second, third = (p.readings[0] for p in self.composition.parts())
        return Interpretations((first, second, third))

    @property
    def needs_guard(self) -> bool:
        """True if the statement has a sentence on the empty selection."""
        return (
            self.composition.shape is not InputShape.SCALARS
            and self.composition.names[2] not in COUNTING
        )

    def phrases(self) -> tuple[str, str, str]:
        """Return the wording of each part, with its constant."""
        first, second, third = (
            part.wordings[i].replace("{k}", str(k))
            for part, i, k in zip(
                self.composition.parts(), self.wordings, self.constants, strict=True
            )
        )
        return first, second, third

    def statement(self) -> str:
        """Return the statement."""
        keep, change, answer = self.phrases()
        if self.composition.shape is InputShape.SCALARS:
            heads = (
                f"Read three integers p, q and r. If {keep}, print {change}, else print {answer}.",
                f"Given integers p, q and r: when {keep} print {change}, otherwise {answer}.",
                f"There are three integers p, q, r. Print {change} if {keep}, or {answer} if not.",
            )
            limits = "All are from 0 to 9 on one line, not all equal."
            return f"{heads[self.pattern]} {limits}"
        what = "integers" if self.composition.shape is InputShape.NUMBERS else "letters"
        then = f", {change}" if change else ""
        heads = (
            f"Read {self.size} {what}. Keep those {keep}{then} and print {answer}.",
            f"Given {self.size} {what}, take the ones {keep}{then}, then print {answer}.",
            f"There are {self.size} {what}. Drop all but those {keep}{then} and show {answer}.",
        )
        span = "from -9 to 9" if self.composition.shape is InputShape.NUMBERS else "from a to h"
        guard = " Print none if nothing is left." if self.needs_guard else ""
        return f"{heads[self.pattern]}{guard} All are {span} on one line, at least 3 different."

    def sources(self, readings: Interpretations) -> tuple[str, str, str]:
        """Return the Python expression of each part under ``readings``, with its constant."""
        first, second, third = (
            r.source.replace("{k}", f'"{k}"' if isinstance(k, str) else str(k))
            for r, k in zip(readings.chosen, self.constants, strict=True)
        )
        return first, second, third

    def program(self, readings: Interpretations | None = None, style: int = 0) -> str:
        """Return a Python program for the problem under ``readings``, by default the right ones.

        ``style`` 0 gives a comprehension, 1 a loop. The program ends with a newline.
        """
        readings = readings or self.right
        keep, change, answer = self.sources(readings)
        if self.composition.shape is InputShape.SCALARS:
            if style == 0:
                return (
                    "p, q, r = map(int, input().split())\n"
                    f"if {keep}:\n    print({change})\nelse:\n    print({answer})\n"
                )
            return f"p, q, r = map(int, input().split())\nprint({change} if {keep} else {answer})\n"
        numbers = self.composition.shape is InputShape.NUMBERS
        read = "v = list(map(int, input().split()))\n" if numbers else "v = input().split()\n"
        if style == 0:
            body = f"w = [{change} for x in v if {keep}]\n"
        else:
            body = f"w = []\nfor x in v:\n    if {keep}:\n        w.append({change})\n"
        if self.needs_guard and readings.guarded:
            tail = f'if w:\n    print({answer})\nelse:\n    print("{NOTHING}")\n'
        else:
            tail = f"print({answer})\n"
        return read + body + tail

    def steps(
        self, values: Sequence[Value], readings: Interpretations
    ) -> tuple[list[bool], list[Value]]:
        """Return the mask of a line's kept values, and the changed values, under ``readings``."""
        keep, change, _ = readings.chosen
        k, c, _ = self.constants
        kept = [bool(keep.apply(x, k)) for x in values]
        changed = [change.apply(x, c) for x, yes in zip(values, kept, strict=True) if yes]
        return kept, changed

    def answer(
        self, values: Sequence[Value], readings: Interpretations | None = None
    ) -> str | None:
        """Return the program's output for an input (one line), or None where it crashes."""
        readings = readings or self.right
        if self.composition.shape is InputShape.SCALARS:
            p, q, r = values
            condition, then, other = readings.chosen
            return str((then if condition.apply(p, q) else other).apply(p, q, r))
        _, changed = self.steps(values, readings)
        if not changed and self.needs_guard:
            if readings.guarded:
                return NOTHING
            if not readings.chosen[2].source.startswith("*"):
                return None
        return str(readings.chosen[2].apply(changed))

    def allows(self, line: str) -> bool:
        """Return True if the statement allows this input line."""
        shape = self.composition.shape
        values = parse_line(shape, line)
        if values is None or len(values) != self.size:
            return False
        if shape is InputShape.SCALARS and any(
            isinstance(v, int) and v < SCALAR_LOW for v in values
        ):
            return False
        needed = 2 if self.composition.shape is InputShape.SCALARS else 3
        return len(set(values)) >= needed


def parse_line(shape: InputShape, line: str) -> list[Value] | None:
    """Return the values of an input line, or None for a line of another shape.

    The line must have single blanks and integers as Python prints them.
    """
    fields = line.removesuffix("\n").split(" ")
    if shape is InputShape.LETTERS:
        return list(fields) if all(len(f) == 1 and "a" <= f <= "h" for f in fields) else None
    values: list[Value] = []
    for f in fields:
        digits = f.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) == 1) or f == "-0":
            return None
        values.append(int(f))
    return values


def draw_problem(rng: np.random.Generator, pool: dict[InputShape, list[Composition]]) -> Problem:
    """Draw a problem over the compositions of ``pool`` (by shape)."""
    shapes = list(SHAPE_WEIGHTS)
    shape = shapes[int(rng.choice(len(shapes), p=list(SHAPE_WEIGHTS.values())))]
    composition = pool[shape][int(rng.integers(len(pool[shape])))]
    parts = composition.parts()
    first, second, third = (
        p.constants[int(rng.integers(len(p.constants)))] if p.constants else None for p in parts
    )
    one, two, three = (int(rng.integers(len(p.wordings))) for p in parts)
    size = SIZES[shape][int(rng.integers(len(SIZES[shape])))]
    return Problem(
        composition, (first, second, third), (one, two, three), size, int(rng.integers(3))
    )
