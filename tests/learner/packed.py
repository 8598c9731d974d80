"""Log-probs by one sequence under a dense mask: slow, plain, and what backends are held to.

The sequence and what each of its places sees are those of `flex`; the attention is the model's own,
over all pairs of places. It has a gradient on a CPU, where flex attention has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from sparring.learner.logprobs.compute import FlatTokens, ResponseLogprobs
from sparring.learner.logprobs.head import token_logprobs
from sparring.learner.logprobs.packed import Packing, hidden_of_packing
from sparring.learner.samples import SampleGroup


def packed_logprobs(model: PreTrainedModel, groups: Sequence[SampleGroup]) -> ResponseLogprobs:
    """As `response_logprobs` gives them."""
    packing = Packing.of(groups, model.device)

    def dense(window: int | None) -> torch.Tensor:
        seen = packing.visible(window).dense()
        if model.config.get_text_config()._attn_implementation != "eager":
            return seen[:, None]
        least = torch.finfo(model.dtype).min  # what the eager forms add to the scores
        return torch.zeros_like(seen, dtype=model.dtype).masked_fill(~seen, least)[:, None]

    hidden = hidden_of_packing(model, packing, dense)
    flat = FlatTokens.of(groups, model.device)
    logprob, entropy = token_logprobs(model, hidden, flat.target, flat.temperature)
    return ResponseLogprobs(logprob, entropy, flat.row)
