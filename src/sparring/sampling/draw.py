"""Drawing tokens: a stream of uniform numbers for each response, and the token each one means.

A token is found by inverting the cumulative distribution at a uniform number
that depends on the prompt's seed, the response's index and the token's place
alone. So a response is a function of the logits and of nothing that is
sampled beside it. Nothing is cut off here (`cut` does that, for evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sparring.sampling.base import Prompt

_AT_ONCE = 1 << 18
"""Probabilities taken at once on a CPU. A whole batch's would leave the cache, and at each token
its memory is asked of the system again: with 64 rows of 49,152 that is eight times as slow."""


def uniforms(prompts: Sequence[Prompt], n: int, room: int, first: int = 0) -> np.ndarray:
    """Uniform numbers in [0, 1) [prompts × n, room], a stream of its own for each response;
    the responses of a prompt are numbered from ``first``."""
    return np.stack(
        [
            np.random.Generator(np.random.Philox(key=[p.seed, index])).random(room)
            for p in prompts
            for index in range(first, first + n)
        ]
    )


def draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [rows] and their log-probs [rows] of ``logits`` [rows, vocabulary] by ``uniform``
    [rows], float64. ``temperature`` is [rows], or None where it is 1 for all; 0 takes the
    likeliest token.

    Summed in float64: with a vocabulary of 150,000, a float32 sum is off by
    more than the probability of a rare token.
    """
    rows, vocabulary = logits.shape
    step = max(1, _AT_ONCE // vocabulary) if logits.device.type == "cpu" else rows
    if step >= rows:
        return _draw(logits, temperature, uniform)
    parts = [
        _draw(
            logits[i : i + step],
            None if temperature is None else temperature[i : i + step],
            uniform[i : i + step],
        )
        for i in range(0, rows, step)
    ]
    return torch.cat([tokens for tokens, _ in parts]), torch.cat([found for _, found in parts])


def _draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    scaled = logits.float()
    if temperature is not None:
        scaled = scaled / torch.where(temperature == 0, 1.0, temperature)[:, None]
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulative = logprobs.exp().cumsum(-1, dtype=torch.float64)
    target = (uniform * cumulative[:, -1])[:, None]
    chosen = torch.searchsorted(cumulative, target, right=True)
    chosen = chosen.clamp_(max=logits.shape[-1] - 1)
    if temperature is not None:
        likeliest = logits.argmax(-1, keepdim=True)
        chosen = torch.where((temperature == 0)[:, None], likeliest, chosen)
    return chosen[:, 0], logprobs.gather(1, chosen)[:, 0]
