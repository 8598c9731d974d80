"""What an update did, for each role: sums while it goes on, means in the end."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.learning.world import World


@dataclass(slots=True)
class RoleStats:
    """What one role's tokens did in an update. Means are over tokens; NaN without any.

    ``kl`` is to the reference, in the loss or as it was taken off the advantages; 0 without one.
    ``logprob_gap`` is the mean, ``logprob_gap_max`` the largest absolute
    difference between the sampler's and the trainer's log-probs over the
    ``gap_tokens`` computed before the first optimiser step (NaN if none: where
    the other role learned first and no log-probs were computed before).
    ``grad_norm`` is the mean over optimiser steps of this role's part of the
    gradient, before clipping. ``refused`` optimiser steps were left out because
    the gradient was not finite or longer than `LearningSettings.refuse_norm`.
    """

    loss: float = 0.0
    kl: float = 0.0
    clip_share: float = 0.0
    entropy: float = 0.0
    largest_ratio: float = 0.0
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


_SUMS = ("loss", "kl", "clip_share", "entropy", "logprob_gap", "gap_tokens", "tokens")
_MAXIMA = ("largest_ratio", "logprob_gap_max")
