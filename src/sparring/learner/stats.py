"""Statistics of one role's tokens in an update, accumulated over its micro-batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.loss import row_sums


@dataclass(slots=True)
class RoleStats:
    """Statistics of one role's tokens in an update. Means are over tokens; NaN without tokens.

    - ``kl``: mean KL to the reference, from the loss or as subtracted from the advantages; 0
      without a reference. ``kl_max``: the largest KL of one token in the loss.
    - ``smallest_ratio``, ``largest_ratio``: extremes over all optimiser steps.
    - ``clip_share``: share of clipped tokens over all optimiser steps. ``first_clip_share``: the
      same share in the role's first optimiser step; a share of responses where each response has
      one ratio, else of tokens.
    - ``logprob_gap``, ``logprob_gap_max``: mean and largest absolute difference between the
      sampler's and the trainer's log-probs of a token. The difference is taken over the
      ``gap_tokens`` tokens of ``gap_responses`` responses whose log-probs the trainer computed
      before its first optimiser step. NaN without such tokens, which happens if the other role
      learned first and the trainer had computed no log-probs before.
    - ``response_gap``, ``response_gap_max``: mean and largest absolute value of this difference
      summed over a response's tokens.
    - ``weights_ess``: effective sample size of the weights trainer / sampler of these tokens, as a
      share of their number, with the weights truncated as in the loss.
    - ``grad_norm``: mean over optimiser steps of the norm of this role's part of the gradient,
      before gradient clipping.
    - ``refused``: optimiser steps left out because the gradient was not finite or its norm was
      above `LearningSettings.skip_grad_norm`.
    - ``groups``, ``tokens``: counted once for each epoch.
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
    """Denominator of ``first_clip_share``: responses or tokens."""
    weights: float = 0.0
    squared_weights: float = 0.0

    def take(self, name: str, value: float) -> None:
        """Add a micro-batch's ``value`` to a sum, or keep it in a maximum or minimum."""
        if name in _MAXIMA:
            value = max(getattr(self, name), value)
        elif name == "smallest_ratio":
            value = min(self.smallest_ratio, value)
        else:
            value += getattr(self, name)
        setattr(self, name, value)

    def over(self, distributed: DistributedContext) -> None:
        """Replace sums and extremes by those over all processes. The other counts are equal in
        every process already."""
        for names, reduce in ((_SUMS, distributed.sums), (_MAXIMA, distributed.highest)):
            reduced = reduce([float(getattr(self, name)) for name in names])
            for name, value in zip(names, reduced, strict=True):
                setattr(self, name, type(getattr(self, name))(value))
        self.smallest_ratio = -distributed.highest([-self.smallest_ratio])[0]

    def finish(self, distributed: DistributedContext, taken_kl: float) -> None:
        """Turn sums into means over all processes. ``taken_kl`` is the mean KL of a token that was
        subtracted from the advantages."""
        self.over(distributed)
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


class PendingNumbers:
    """Statistics of micro-batches that are still tensors on the device.

    Reading a number from a GPU waits for all work queued there. So the numbers are fetched once
    after an optimiser step, and no forward pass waits for the statistics of the pass before.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[RoleStats, tuple[str, ...], torch.Tensor]] = []

    def add(self, stats: RoleStats, numbers: Mapping[str, torch.Tensor]) -> None:
        """Keep the ``numbers`` of one micro-batch, by the names of the fields of ``stats``."""
        values = torch.stack([value.detach().float() for value in numbers.values()])
        self._pending.append((stats, tuple(numbers), values))

    def settle(self) -> None:
        """Fetch the kept numbers and add them to their statistics, in the order of `add`."""
        for stats, names, values in self._pending:
            for name, value in zip(names, values.tolist(), strict=True):
                stats.take(name, value)
        self._pending.clear()


def mismatch(
    trainer: torch.Tensor, sampled: torch.Tensor, row: torch.Tensor, rows: int, cap: float | None
) -> dict[str, torch.Tensor]:
    """Compare the trainer's and the sampler's log-probs [tokens] of ``rows`` responses.

    Both belong to the same policy. Returns sums and maxima by the field names of `RoleStats`.
    ``row`` [tokens] is the index of each token's response; ``cap`` bounds the weight trainer /
    sampler (None: unbounded).
    """
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
