"""What one role's tokens did in an update, added up micro-batch by micro-batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from sparring.learner.distributed.world import World
from sparring.learner.loss import row_sums


@dataclass(slots=True)
class RoleStats:
    """What one role's tokens did in an update. Means are over tokens; NaN without any.

    ``kl`` is to the reference, in the loss or as it was taken off the advantages; 0 without one;
    ``kl_max`` that of the token with most of it in the loss. ``smallest_ratio`` and
    ``largest_ratio`` are over all optimiser steps. ``clip_share`` is of tokens, over all of them;
    ``first_clip_share`` of the role's first: of responses, where ratios are of responses.
    ``logprob_gap`` is the mean, ``logprob_gap_max`` the largest absolute
    difference between the sampler's and the trainer's log-probs over the
    ``gap_tokens`` of ``gap_responses`` computed before the first optimiser step (NaN if none: where
    the other role learned first and no log-probs were computed before). ``response_gap`` and
    ``response_gap_max`` are of responses: the difference summed over their tokens, without its
    sign. ``weights_ess`` is the effective sample size, as a share, of the weights trainer / sampler
    of these tokens, cut off as those in the loss are.
    ``grad_norm`` is the mean over optimiser steps of this role's part of the
    gradient, before clipping. ``refused`` optimiser steps were left out because
    the gradient was not finite or longer than `LearningSettings.refuse_norm`.
    ``groups`` and ``tokens`` count a pass for each epoch.
    """

    loss: float = 0.0
    kl: float = 0.0
    clip_share: float = 0.0
    first_clip_share: float = 0.0
    entropy: float = 0.0
    largest_ratio: float = 0.0
    smallest_ratio: float = math.inf
    kl_max: float = 0.0
    grad_norm: float = 0.0
    logprob_gap: float = 0.0
    logprob_gap_max: float = 0.0
    response_gap: float = 0.0
    response_gap_max: float = 0.0
    weights_ess: float = 0.0
    gap_tokens: int = 0
    gap_responses: int = 0
    tokens: int = 0
    groups: int = 0
    optimizer_steps: int = 0
    refused: int = 0
    first_units: int = 0
    """Responses or tokens that ``first_clip_share`` is over."""
    weights: float = 0.0
    squared_weights: float = 0.0

    def take(self, name: str, value: float) -> None:
        """Add a micro-batch's ``value``, or take it where it is the extreme so far."""
        if name in _MAXIMA:
            value = max(getattr(self, name), value)
        elif name == "smallest_ratio":
            value = min(self.smallest_ratio, value)
        else:
            value += getattr(self, name)
        setattr(self, name, value)

    def over(self, world: World) -> None:
        """Sums and maxima over all processes; what all know already stays."""
        for names, taken in ((_SUMS, world.sums), (_MAXIMA, world.highest)):
            found = taken([float(getattr(self, name)) for name in names])
            for name, value in zip(names, found, strict=True):
                setattr(self, name, type(getattr(self, name))(value))
        self.smallest_ratio = -world.highest([-self.smallest_ratio])[0]

    def finish(self, world: World, taken_kl: float) -> None:
        """From sums to means, over all processes. ``taken_kl`` is the mean KL of a token that was
        taken off the advantages."""
        self.over(world)
        self.grad_norm /= max(1, self.optimizer_steps)
        self.kl += taken_kl * self.tokens
        for name, count in (
            *((name, self.tokens) for name in ("loss", "kl", "clip_share", "entropy")),
            ("first_clip_share", self.first_units),
            ("logprob_gap", self.gap_tokens),
            ("response_gap", self.gap_responses),
        ):
            setattr(self, name, getattr(self, name) / count if count else math.nan)
        if not self.tokens:
            self.grad_norm = self.largest_ratio = self.smallest_ratio = self.kl_max = math.nan
        if not self.gap_tokens:
            self.logprob_gap_max = self.response_gap_max = math.nan
        squares = self.gap_tokens * self.squared_weights
        self.weights_ess = self.weights**2 / squares if squares else math.nan


class Waiting:
    """Numbers of micro-batches that are still on the device. They are fetched when an optimiser
    step is through, so that no pass waits for the numbers of the one before."""

    def __init__(self) -> None:
        self._found: list[tuple[RoleStats, tuple[str, ...], torch.Tensor]] = []

    def add(self, stats: RoleStats, found: Mapping[str, torch.Tensor]) -> None:
        """Numbers of one micro-batch by their name in ``stats``."""
        values = torch.stack([value.detach().float() for value in found.values()])
        self._found.append((stats, tuple(found), values))

    def settle(self) -> None:
        """Put them where they belong, in their order."""
        for stats, names, values in self._found:
            for name, value in zip(names, values.tolist(), strict=True):
                stats.take(name, value)
        self._found.clear()


def mismatch(
    trainer: torch.Tensor, sampled: torch.Tensor, row: torch.Tensor, rows: int, cap: float | None
) -> dict[str, torch.Tensor]:
    """How far log-probs of the same policy lie apart, by the names of `RoleStats`: the trainer's
    and the sampler's [tokens] of ``rows`` responses."""
    gap = trainer - sampled
    response = row_sums(gap, row, rows).abs()
    weight = torch.exp(gap) if cap is None else torch.exp(gap).clamp(max=cap)
    return {
        "logprob_gap": gap.abs().sum(),
        "logprob_gap_max": gap.abs().max(),
        "response_gap": response.sum(),
        "response_gap_max": response.max(),
        "weights": weight.sum(),
        "squared_weights": weight.square().sum(),
    }


_SUMS = (
    "loss",
    "kl",
    "clip_share",
    "first_clip_share",
    "first_units",
    "entropy",
    "logprob_gap",
    "response_gap",
    "weights",
    "squared_weights",
    "gap_tokens",
    "gap_responses",
    "tokens",
)
_MAXIMA = ("largest_ratio", "kl_max", "logprob_gap_max", "response_gap_max")
