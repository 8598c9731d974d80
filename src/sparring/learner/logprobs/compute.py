"""Log-probs of responses under the current weights, with gradient.

One function and three ways to compute the same: `prompt_cache` and `padded`
run responses as batches, `flex` as a sequence in which the responses stand
behind their prompt. Hidden states come from one of these, log-probs from
`head`. Tests hold them equal: log-probs within 1e-5, gradients within 1e-5
relative.

Log-probs are of the distribution that was sampled: logits divided by the
temperature at which the response was drawn.
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
from sparring.learner.samples import Group
from sparring.learner.settings import Backend
from sparring.policy.adapters import activate


@dataclass(frozen=True, slots=True)
class ResponseLogprobs:
    """Values at every response token, flat: the responses of the groups one after another.

    ``logprob`` [tokens] carries gradient; ``entropy`` [tokens] (nats, of the
    sampling distribution) does not. ``row`` [tokens] is the number of the
    response.
    """

    logprob: torch.Tensor
    entropy: torch.Tensor
    row: torch.Tensor


@dataclass(frozen=True, slots=True)
class Flat:
    """What log-probs are computed of, at every response token, the responses of the groups one
    after another: the token ``target``, the number of its response ``row``, its ``temperature``;
    [tokens] each."""

    target: torch.Tensor
    row: torch.Tensor
    temperature: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], device: torch.device) -> Flat:
        """Of every response of the groups, on ``device``."""
        lengths = torch.tensor([len(s.token_ids) for g in groups for s in g.samples])
        heat = torch.tensor([g.temperature for g in groups for _ in g.samples])
        ids = torch.tensor([t for g in groups for s in g.samples for t in s.token_ids])
        row = torch.arange(len(lengths)).repeat_interleave(lengths)
        return cls(ids.to(device), row.to(device), heat[row].to(device))


def response_logprobs(
    model: PreTrainedModel,
    groups: Sequence[Group],
    backend: Backend = Backend.PROMPT_CACHE,
    chunk: int | None = None,
) -> ResponseLogprobs:
    """Log-probs and entropies of all responses of ``groups`` under ``model``.

    ``chunk`` is how many tokens have logits at once (`head.token_logprobs`).
    Runs as one batch: memory grows with `filling.micro_batches`' budget.
    ``Backend.FLEX`` needs the model to be within `backend.attending`. Where
    each role has an adapter, ``groups`` are of one role, whose adapter is in
    force from here on. Raises ValueError for ``Backend.AUTO``: what that is,
    `backend.chosen_backend` says.
    """
    activate(model, (g.role for g in groups))
    flat = Flat.of(groups, model.device)
    hidden = _hidden(model, groups, backend)
    logprob, entropy = token_logprobs(model, hidden, flat.target, flat.temperature, chunk)
    return ResponseLogprobs(logprob, entropy, flat.row)


def _hidden(model: PreTrainedModel, groups: Sequence[Group], backend: Backend) -> torch.Tensor:
    match backend:
        case Backend.PROMPT_CACHE:
            return hidden_after_prompts(model, groups)
        case Backend.PADDED:
            return hidden_of_rows(model, groups)
        case Backend.FLEX:
            return hidden_of_blocks(model, groups)
        case Backend.AUTO:
            raise ValueError("auto is not a backend: choose one first")
    assert_never(backend)
