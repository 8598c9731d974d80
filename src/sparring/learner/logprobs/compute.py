"""Log-probs of responses under the current weights, with gradient.

One function serves three backends, which compute the same values. `prompt_cache` and `padded`
compute responses as batches; `flex` computes one sequence in which responses follow their prompt.
The backend computes the hidden states, and `head` computes log-probs from them. Tests hold the
backends equal: log-probs within 1e-5, gradients within 1e-5 relative.

Log-probs belong to the distribution that was sampled: logits divided by the temperature at which
the response was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import torch
from transformers import PreTrainedModel

from sparring.learner.logprobs.head import token_logprobs
from sparring.learner.logprobs.packed import hidden_of_blocks
from sparring.learner.logprobs.padded import hidden_of_rows
from sparring.learner.logprobs.prompt_cache import hidden_after_prompts
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import LogprobBackend
from sparring.policy.adapters import activate


@dataclass(frozen=True, slots=True)
class ResponseLogprobs:
    """Values at every response token, flat over the responses of the groups; [tokens] each.

    ``logprob`` carries gradient; ``entropy`` (nats, of the sampling distribution) does not. ``row``
    is the index of the token's response.
    """

    logprob: torch.Tensor
    entropy: torch.Tensor
    row: torch.Tensor


@dataclass(frozen=True, slots=True)
class FlatTokens:
    """Response tokens of the groups, flat; [tokens] each: the token id ``target``, the index
    ``row`` of its response, and its ``temperature``."""

    target: torch.Tensor
    row: torch.Tensor
    temperature: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[SampleGroup], device: torch.device) -> FlatTokens:
        """Return the tokens of every response of the groups, on ``device``."""
        lengths = torch.tensor([len(s.token_ids) for g in groups for s in g.samples])
        temperature = torch.tensor([g.temperature for g in groups for _ in g.samples])
        ids = torch.tensor([t for g in groups for s in g.samples for t in s.token_ids])
        row = torch.arange(len(lengths)).repeat_interleave(lengths)
        return cls(ids.to(device), row.to(device), temperature[row].to(device))


def response_logprobs(
    model: PreTrainedModel,
    groups: Sequence[SampleGroup],
    backend: LogprobBackend = LogprobBackend.PROMPT_CACHE,
    chunk: int | None = None,
) -> ResponseLogprobs:
    """Return log-probs and entropies of all responses of ``groups`` under ``model``.

    The groups are computed as one batch; `filling.micro_batches` bounds its size. ``chunk`` is the
    number of tokens whose logits exist at one time (`head.token_logprobs`). ``LogprobBackend.FLEX``
    needs the model in a `backend.attending` block. Where each role has an adapter, ``groups`` are
    of one role, and the role's adapter stays active afterwards. Raises ValueError for
    ``LogprobBackend.AUTO``; `backend.chosen_backend` resolves it.
    """
    activate(model, (g.role for g in groups))
    flat = FlatTokens.of(groups, model.device)
    hidden = _hidden(model, groups, backend)
    logprob, entropy = token_logprobs(model, hidden, flat.target, flat.temperature, chunk)
    return ResponseLogprobs(logprob, entropy, flat.row)


def _hidden(
    model: PreTrainedModel, groups: Sequence[SampleGroup], backend: LogprobBackend
) -> torch.Tensor:
    match backend:
        case LogprobBackend.PROMPT_CACHE:
            return hidden_after_prompts(model, groups)
        case LogprobBackend.PADDED:
            return hidden_of_rows(model, groups)
        case LogprobBackend.FLEX:
            return hidden_of_blocks(model, groups)
        case LogprobBackend.AUTO:
            raise ValueError("auto is not a backend: choose one first")
    assert_never(backend)
