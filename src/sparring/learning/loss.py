"""The clipped surrogate with a KL term, per token.

For a token with ratio ρ = π/π_old and advantage A, the surrogate is
min(ρA, clip(ρ, 1−ε, 1+ε)A) (PPO; CURE's Eq 5 takes the group-normalised
reward as A). The KL to the fixed reference is estimated per token by
k3 = exp(δ) − δ − 1 with δ = log π_ref − log π, which is never negative and
unbiased under π.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparring.learning.settings import LossSettings


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """Per-token values [tokens]; only ``loss`` carries gradient."""

    loss: torch.Tensor
    kl: torch.Tensor
    ratio: torch.Tensor
    clipped: torch.Tensor


def token_loss(
    logprob: torch.Tensor,
    old_logprob: torch.Tensor,
    advantage: torch.Tensor,
    reference_logprob: torch.Tensor | None,
    settings: LossSettings,
) -> TokenLoss:
    """The loss of every token. All inputs are [tokens]; only ``logprob`` needs gradient.

    ``clipped`` marks tokens whose gradient the clip removes: the ratio has
    left the trust region in the direction that the advantage pushes.
    """
    ratio = torch.exp(logprob - old_logprob)
    bounded = ratio.clamp(1 - settings.clip, 1 + settings.clip)
    loss = -torch.minimum(ratio * advantage, bounded * advantage)
    kl = torch.zeros_like(logprob)
    if reference_logprob is not None:
        delta = reference_logprob - logprob
        kl = torch.exp(delta) - delta - 1
        loss = loss + settings.kl * kl
    with torch.no_grad():
        clipped = ((ratio > 1 + settings.clip) & (advantage > 0)) | (
            (ratio < 1 - settings.clip) & (advantage < 0)
        )
    return TokenLoss(loss, kl.detach(), ratio.detach(), clipped)
