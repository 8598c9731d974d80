"""A recorded bout as an explanation sees it: the matrix that pays, and names for rows and columns.

P programs, O opponents' programs, G ground-truth tests, K those of a
supervising tester that stand in for them, U generated tests; each counted from
0 as in the record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.group import GroupResult
from sparring.grading.record import result_from
from sparring.grading.supervised import rewarded
from sparring.matrix import Bools, Floats
from sparring.rewards.settings import RewardSettings
from sparring.training.reward import Facts, facts_of
from sparring.view.explain.terms import number


@dataclass(frozen=True, slots=True)
class Case:
    """``judged`` is the real bout, ``basis`` the one that rewards follow from, None where no test
    is left to judge by."""

    record: Mapping[str, Any]
    recipe: Recipe
    settings: RewardSettings
    judged: GroupResult
    basis: GroupResult | None
    facts: Facts | None
    rows: tuple[str, ...]
    """Of the matrix that tests are paid by: own programs, then opponents'."""
    columns: tuple[str, ...]
    """Of the tests that decide who is correct."""

    @property
    def step(self) -> int:
        return int(self.record["step"])


def case_of(record: Mapping[str, Any], recipe: Recipe) -> Case:
    """The case of a record. Raises `RunError` for what is none."""
    judged = result_from(record)
    basis, kept_K = rewarded(judged, recipe.supervision.filter)
    columns = [f"G{i}" for i in range(len(judged.task.tests))]
    if kept_K is not None:
        columns = [f"K{i}" for i in np.flatnonzero(kept_K)]
    facts = facts_of(basis) if basis else None
    own = len(judged.programs)
    others = len(facts.tester_matrix.passed_PT) - own if facts else 0
    return Case(
        record=record,
        recipe=recipe,
        settings=recipe.reward,
        judged=judged,
        basis=basis,
        facts=facts,
        rows=(*(f"P{i}" for i in range(own)), *(f"O{i}" for i in range(others))),
        columns=tuple(columns),
    )


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


def recorded(entry: Mapping[str, Any], name: str) -> float | None:
    """A recorded figure: null is NaN; None where there is no such entry."""
    if name not in entry:
        return None
    value = entry[name]
    return math.nan if value is None else float(value)
