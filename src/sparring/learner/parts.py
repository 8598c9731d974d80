"""The groups of each optimiser step of an update, and the order of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sparring.learner.samples import SampleGroup
from sparring.learner.settings import LearningSettings, UpdateMode
from sparring.policy.settings import Precision
from sparring.schema import Role

Part = dict[Role, list[SampleGroup]]
"""Groups of one optimiser step, by role."""


def parts_of(groups: Sequence[SampleGroup], settings: LearningSettings) -> list[Part]:
    """Return the parts of one epoch in order, one for each optimiser step. Some parts may have no
    groups."""
    by_role = {role: [g for g in groups if g.role is role] for role in Role}
    chunks = {role: _chunks(own, settings.num_minibatches) for role, own in by_role.items()}
    if settings.mode is UpdateMode.SEPARATE:
        return [{role: chunk} for role in (Role.CODER, Role.TESTER) for chunk in chunks[role]]
    return [{role: chunks[role][i] for role in Role} for i in range(settings.num_minibatches)]


def spans(
    parts: Sequence[Part], settings: LearningSettings, precision: Precision
) -> list[list[Part]]:
    """Divide the parts that have groups, in order, into spans. The old log-probs of a span belong
    to the weights at the beginning of the span.

    One span covers the update, except where the roles learn separately in bfloat16: then each role
    has a span of its own. The reason: the coder's optimiser steps change the rounding of the
    tester's log-probs by more than they change the policy (`sparring.learner.rounding`).
    """
    filled = [part for part in parts if any(part.values())]
    if precision is not Precision.BFLOAT16 or settings.mode is not UpdateMode.SEPARATE:
        return [filled]
    return [[part for part in filled if role in part] for role in (Role.CODER, Role.TESTER)]


@dataclass(frozen=True, slots=True)
class LossDenominators:
    """Loss denominators of one role's part of an optimiser step, and the role's weight."""

    tokens: int
    responses: int
    weight: float

    @classmethod
    def of(cls, groups: Sequence[SampleGroup], weight: float) -> LossDenominators:
        """Count tokens and responses of one role's groups; ``weight`` is the role's weight in the
        loss."""
        return cls(sum(g.tokens for g in groups), sum(len(g.samples) for g in groups), weight)


def _chunks(groups: list[SampleGroup], count: int) -> list[list[SampleGroup]]:
    """Split groups, in order, into ``count`` parts of nearly equal size; with few groups some parts
    are empty."""
    bounds = [round(i * len(groups) / count) for i in range(count + 1)]
    return [groups[a:b] for a, b in pairwise(bounds)]
