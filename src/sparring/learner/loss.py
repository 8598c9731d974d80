"""The clipped surrogate with a KL term, and how tokens are averaged.

With ratio ρ = π/π_old (of a token or of a whole response) and advantage A, the
surrogate is min(ρA, clip(ρ, 1−ε, 1+ε′)A) (PPO; CURE's Eq 5 takes the
group-normalised reward as A; ε′ > ε is DAPO's asymmetric clip). The KL to the
reference is estimated per token, with δ = log π_ref − log π, by
k3 = exp(δ) − δ − 1 or k2 = δ²/2. `settings` names the sources of the forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparring.learner.settings import Average, KLEstimator, LearningSettings, Objective, Ratio


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """Per-token values [tokens]; only ``loss`` carries gradient. A ratio of a whole response
    stands at each of its tokens."""

    loss: torch.Tensor
    kl: torch.Tensor
    ratio: torch.Tensor
    clipped: torch.Tensor


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a loss is made of: flat over the responses of a micro-batch, [tokens] each.

    ``row`` is the number of the response, ``old`` its log-probs under the old
    policy, ``advantage`` that of its response, ``weight`` an importance weight
    (None: 1), ``reference`` the reference's log-probs (None: no KL term).
    """

    logprob: torch.Tensor
    row: torch.Tensor
    old: torch.Tensor
    advantage: torch.Tensor
    weight: torch.Tensor | None = None
    reference: torch.Tensor | None = None


def token_loss(t: Tokens, settings: LearningSettings) -> TokenLoss:
    """The loss of every token, before averaging. Only ``logprob`` needs gradient.

    ``clipped`` marks tokens whose gradient the clip removes: the ratio has
    left the trust region in the direction that the advantage pushes.
    """
    high = settings.clip if settings.clip_high is None else settings.clip_high
    ratio = torch.exp(_of_ratio(t.logprob - t.old, t.row, settings.ratio))
    if settings.objective is Objective.LIKELIHOOD:
        policy = t.logprob * t.advantage
        clipped = torch.zeros_like(ratio, dtype=torch.bool)
    else:
        bounded = ratio.clamp(1 - settings.clip, 1 + high)
        policy = torch.minimum(ratio * t.advantage, bounded * t.advantage)
        with torch.no_grad():
            clipped = ((ratio > 1 + high) & (t.advantage > 0)) | (
                (ratio < 1 - settings.clip) & (t.advantage < 0)
            )
    if t.weight is not None:
        policy = policy * t.weight
    loss, kl = -policy, torch.zeros_like(t.logprob)
    if t.reference is not None:
        kl = kl_terms(t.logprob, t.reference, settings.kl_estimator, settings.kl_bound)
        loss = loss + settings.kl * kl
    return TokenLoss(loss, kl.detach(), ratio.detach(), clipped)


def kl_terms(
    logprob: torch.Tensor,
    reference: torch.Tensor,
    estimator: KLEstimator,
    bound: float | None = None,
) -> torch.Tensor:
    """The KL of each token [tokens]. Where δ > ``bound`` k3 goes on along its tangent there: the
    gradient of exp(δ), which no clip bounds, is then exp(bound) at most, and never 0."""
    delta = reference - logprob
    if estimator is KLEstimator.K2:
        return delta.square() / 2
    if bound is None:
        return torch.exp(delta) - delta - 1
    near = delta.clamp(max=bound)
    # exp(near) is a constant where δ is beyond the bound.
    return torch.exp(near) * (1 + delta - near) - delta - 1


def token_weights(row: torch.Tensor, average: Average, tokens: int, responses: int) -> torch.Tensor:
    """What each token's loss counts [tokens], so that the sum is the average over an optimiser
    step with that many tokens and responses. Splitting the step changes nothing: whole responses
    go into a micro-batch."""
    if average is Average.TOKENS:
        return torch.full(row.shape, 1 / tokens, device=row.device)
    if average is Average.RESPONSE_SUM:
        return torch.full(row.shape, 1 / responses, device=row.device)
    return 1 / (torch.bincount(row)[row] * responses)


def _of_ratio(difference: torch.Tensor, row: torch.Tensor, ratio: Ratio) -> torch.Tensor:
    """The logarithm of the ratio that each token is under."""
    if ratio is Ratio.TOKEN:
        return difference
    count = torch.bincount(row)
    total = row_sums(difference, row, len(count))
    return (total / count if ratio is Ratio.GEOMETRIC else total)[row]


def row_sums(values: torch.Tensor, row: torch.Tensor, rows: int) -> torch.Tensor:
    """The sum of each of ``rows`` responses' values [tokens]. On CUDA they are added in any order:
    in float64, where the order of thousands does not show in what is left as float32."""
    wide = values.double() if values.is_cuda else values
    return wide.new_zeros(rows).index_add(0, row, wide).to(values.dtype)
