"""What one role's tokens did in an update, added up micro-batch by micro-batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from sparring.learning.samples import Group
from sparring.learning.world import World


@dataclass(slots=True)
class RoleStats:
    """What one role's tokens did in an update. Means are over tokens; NaN without any.

    ``kl`` is to the reference, in the loss or as it was taken off the advantages; 0 without one;
    ``kl_max`` that of the token with most of it in the loss. ``smallest_ratio`` and
    ``largest_ratio`` are over all optimiser steps.
    ``logprob_gap`` is the mean, ``logprob_gap_max`` the largest absolute
    difference between the sampler's and the trainer's log-probs over the
    ``gap_tokens`` computed before the first optimiser step (NaN if none: where
    the other role learned first and no log-probs were computed before).
    ``grad_norm`` is the mean over optimiser steps of this role's part of the
    gradient, before clipping. ``refused`` optimiser steps were left out because
    the gradient was not finite or longer than `LearningSettings.refuse_norm`.
    ``groups`` and ``tokens`` count a pass for each epoch.
    """

    loss: float = 0.0
    kl: float = 0.0
    clip_share: float = 0.0
    entropy: float = 0.0
    largest_ratio: float = 0.0
    smallest_ratio: float = math.inf
    kl_max: float = 0.0
    grad_norm: float = 0.0
    logprob_gap: float = 0.0
    logprob_gap_max: float = 0.0
    gap_tokens: int = 0
    tokens: int = 0
    groups: int = 0
    optimizer_steps: int = 0
    refused: int = 0

    def over(self, world: World) -> None:
        """Sums and maxima over all processes; what all know already stays."""
        for names, taken in ((_SUMS, world.sums), (_MAXIMA, world.highest)):
            found = taken([float(getattr(self, name)) for name in names])
            for name, value in zip(names, found, strict=True):
                setattr(self, name, type(getattr(self, name))(value))
        self.smallest_ratio = -world.highest([-self.smallest_ratio])[0]

    def add_gap(self, group: Group) -> None:
        """Add how far the trainer's log-probs of a group's tokens are from the sampler's."""
        sampled = torch.tensor([x for s in group.samples for x in s.sampled_logprobs])
        gap = (torch.tensor([x for s in group.samples for x in s.old_logprobs]) - sampled).abs()
        self.logprob_gap += float(gap.sum())
        self.logprob_gap_max = max(self.logprob_gap_max, float(gap.max()))
        self.gap_tokens += len(gap)


_SUMS = ("loss", "kl", "clip_share", "entropy", "logprob_gap", "gap_tokens", "tokens")
_MAXIMA = ("largest_ratio", "kl_max", "logprob_gap_max")
