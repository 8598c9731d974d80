"""The clipped surrogate with a KL term, and the weights that average token losses.

With ratio ρ = π/π_old (of a token or of a response) and advantage A, the surrogate is
min(ρA, clip(ρ, 1−ε, 1+ε′)A) (PPO). CURE's Eq 5 takes the group-normalised reward as A; ε′ > ε is
DAPO's asymmetric clip. The KL to the reference is estimated for each token, with
δ = log π_ref − log π, by k3 = exp(δ) − δ − 1 or k2 = δ²/2. `settings` cites the paper of each
variant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparring.learner.settings import (
    ImportanceLevel,
    KLEstimator,
    LearningSettings,
    LossAggMode,
    Objective,
)


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """Values for each token, [tokens] each; only ``loss`` carries gradient.

    If a whole response has one ratio, ``ratio`` repeats it at each of the response's tokens.
    ``clipped`` marks tokens whose gradient the clip removes.
    """

    loss: torch.Tensor
    kl: torch.Tensor
    ratio: torch.Tensor
    clipped: torch.Tensor


@dataclass(frozen=True, slots=True)
class Tokens:
    """Inputs of a loss: [tokens] each, flat over the responses of a micro-batch.

    ``logprob``: log-probs under the current policy, with gradient. ``row``: index of the token's
    response. ``old``: log-probs under the old policy. ``advantage``: advantage of the token's
    response. ``weight``: truncated importance weight (None: 1). ``reference``: the reference's
    log-probs (None: no KL term).
    """

    logprob: torch.Tensor
    row: torch.Tensor
    old: torch.Tensor
    advantage: torch.Tensor
    weight: torch.Tensor | None = None
    reference: torch.Tensor | None = None


def token_loss(t: Tokens, settings: LearningSettings) -> TokenLoss:
    """Return the loss of every token, before averaging."""
    high = settings.clip_eps_low if settings.clip_eps_high is None else settings.clip_eps_high
    ratio = torch.exp(_of_ratio(t.logprob - t.old, t.row, settings.importance_level))
    if settings.objective is Objective.LIKELIHOOD:
        policy = t.logprob * t.advantage
        clipped = torch.zeros_like(ratio, dtype=torch.bool)
    else:
        bounded = ratio.clamp(1 - settings.clip_eps_low, 1 + high)
        policy = torch.minimum(ratio * t.advantage, bounded * t.advantage)
        with torch.no_grad():
            # The clip removes a gradient only where the ratio has left the clip range in the
            # direction that the advantage pushes; on the other side the minimum keeps the gradient.
            clipped = ((ratio > 1 + high) & (t.advantage > 0)) | (
                (ratio < 1 - settings.clip_eps_low) & (t.advantage < 0)
            )
    if t.weight is not None:
        policy = policy * t.weight
    loss, kl = -policy, torch.zeros_like(t.logprob)
    if t.reference is not None:
        kl = kl_terms(t.logprob, t.reference, settings.kl_estimator, settings.kl_bound)
        loss = loss + settings.kl_coef * kl
    return TokenLoss(loss, kl.detach(), ratio.detach(), clipped)


def kl_terms(
    logprob: torch.Tensor,
    reference: torch.Tensor,
    estimator: KLEstimator,
    bound: float | None = None,
) -> torch.Tensor:
    """Return the estimated KL of each token [tokens].

    Above δ = ``bound``, k3 continues along its tangent at the bound. No clip bounds the gradient of
    exp(δ); with the tangent the gradient is at most exp(bound), and never 0.
    """
    delta = reference - logprob
    if estimator is KLEstimator.K2:
        return delta.square() / 2
    if bound is None:
        return torch.exp(delta) - delta - 1
    near = delta.clamp(max=bound)
    # exp(near) has no gradient where δ is beyond the bound: there the sum is the tangent.
    return torch.exp(near) * (1 + delta - near) - delta - 1


def token_weights(
    row: torch.Tensor, average: LossAggMode, tokens: int, responses: int
) -> torch.Tensor:
    """Return the weight of each token's loss [tokens].

    The weighted sum over all micro-batches is the loss of an optimiser step with ``tokens`` tokens
    and ``responses`` responses in all. The split into micro-batches changes nothing, because a
    response is never divided between two micro-batches.
    """
    if average is LossAggMode.TOKEN_MEAN:
        return torch.full(row.shape, 1 / tokens, device=row.device)
    if average is LossAggMode.SEQ_MEAN_TOKEN_SUM:
        return torch.full(row.shape, 1 / responses, device=row.device)
    return 1 / (torch.bincount(row)[row] * responses)


def _of_ratio(difference: torch.Tensor, row: torch.Tensor, ratio: ImportanceLevel) -> torch.Tensor:
    """Return each token's log-ratio [tokens]: its own, or the one of its whole response, as
    ``ratio`` says."""
    if ratio is ImportanceLevel.TOKEN:
        return difference
    count = torch.bincount(row)
    total = row_sums(difference, row, len(count))
    return (total / count if ratio is ImportanceLevel.GSPO else total)[row]


def row_sums(values: torch.Tensor, row: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the sum of ``values`` [tokens] over each of ``rows`` responses [rows]."""
    # CUDA adds in any order. In float64 the order of thousands of terms does not show once the sum
    # is rounded to float32.
    wide = values.double() if values.is_cuda else values
    return wide.new_zeros(rows).index_add(0, row, wide).to(values.dtype)
