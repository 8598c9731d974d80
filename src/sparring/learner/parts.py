"""What the optimiser steps of an update are made from, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sparring.learner.samples import Group
from sparring.learner.settings import LearningSettings, UpdateMode
from sparring.policy.settings import Precision
from sparring.schema import Role

Part = dict[Role, list[Group]]
"""What one optimiser step is made from."""


def parts_of(groups: Sequence[Group], settings: LearningSettings) -> list[Part]:
    """The parts of a batch, which is gone through once, in order; some without a group."""
    by_role = {role: [g for g in groups if g.role is role] for role in Role}
    chunks = {role: _chunks(own, settings.minibatches) for role, own in by_role.items()}
    if settings.mode is UpdateMode.SEPARATE:
        return [{role: chunk} for role in (Role.CODER, Role.TESTER) for chunk in chunks[role]]
    return [{role: chunks[role][i] for role in Role} for i in range(settings.minibatches)]


def spans(
    parts: Sequence[Part], settings: LearningSettings, precision: Precision
) -> list[list[Part]]:
    """The parts that have groups, in order, by the moment that their old log-probs are of: the
    start of the update, or, where the model computes in bfloat16, of the role's own part of it.
    There the other role's step moves rounding by more than the policy
    (`sparring.learner.rounding`)."""
    found = [part for part in parts if any(part.values())]
    if precision is not Precision.BFLOAT16 or settings.mode is not UpdateMode.SEPARATE:
        return [found]
    return [[part for part in found if role in part] for role in (Role.CODER, Role.TESTER)]


@dataclass(frozen=True, slots=True)
class Whole:
    """What one role's part of an optimiser step amounts to: averages are over these."""

    tokens: int
    responses: int
    weight: float

    @classmethod
    def of(cls, groups: Sequence[Group], weight: float) -> Whole:
        """The sums over one role's groups; ``weight`` is the role's in the loss."""
        return cls(sum(g.tokens for g in groups), sum(len(g.samples) for g in groups), weight)


def _chunks(groups: list[Group], count: int) -> list[list[Group]]:
    """``count`` parts of nearly equal size, in order; some empty when there are few groups."""
    bounds = [round(i * len(groups) / count) for i in range(count + 1)]
    return [groups[a:b] for a, b in pairwise(bounds)]
