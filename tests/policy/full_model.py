"""Log-probs by one pass of the full model, to compare a server's with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


@torch.no_grad()
def scored(
    model: Any, prompt: Sequence[int], tokens: Sequence[int], temperature: float
) -> list[float]:
    """Log-probs of ``tokens`` after ``prompt``, at a temperature."""
    ids = torch.tensor([[*prompt, *tokens]])
    logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
    logprobs = torch.log_softmax(logits.float() / temperature, dim=-1)
    found: list[float] = logprobs.gather(1, ids[0, len(prompt) :, None])[:, 0].tolist()
    return found
