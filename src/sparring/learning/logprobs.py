"""Log-probs of responses under the current weights, with gradient.

The prompt of a group is computed once, with gradient; its keys and values
are repeated for the group's responses, which then run as one right-padded
batch. Against a batch of prompt + response rows that saves the repeated
prompts and changes nothing else: the results agree to about 5e-7.

Log-probs are of the distribution that was sampled: logits divided by the
temperature at which the response was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.learning.adapters import activate
from sparring.learning.samples import Group


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


def response_logprobs(
    model: PreTrainedModel, groups: Sequence[Group], shared: bool = True
) -> ResponseLogprobs:
    """Log-probs and entropies of all responses of ``groups`` under ``model``.

    ``shared`` computes each prompt once; otherwise every response carries its
    prompt, which is slower and what gradient checkpointing needs. Both give
    the same. Runs as one batch: memory grows with `samples.micro_batches`'
    budget. Where each role has an adapter, ``groups`` are of one role, whose
    adapter is in force from here on.
    """
    activate(model, (g.role for g in groups))
    device = model.device
    prompt_width = max(len(g.prompt_ids) for g in groups)
    prompt_ids = torch.zeros((len(groups), prompt_width), dtype=torch.long)
    prompt_mask = torch.zeros((len(groups), prompt_width), dtype=torch.long)
    for i, g in enumerate(groups):
        prompt_ids[i, prompt_width - len(g.prompt_ids) :] = torch.tensor(g.prompt_ids)
        prompt_mask[i, prompt_width - len(g.prompt_ids) :] = 1
    responses = [s.token_ids for g in groups for s in g.samples]
    owner = torch.tensor([i for i, g in enumerate(groups) for _ in g.samples])
    width = max(len(ids) for ids in responses)
    targets = torch.zeros((len(responses), width), dtype=torch.long)
    valid = torch.zeros((len(responses), width), dtype=torch.bool)
    for row, ids in enumerate(responses):
        targets[row, : len(ids)] = torch.tensor(ids)
        valid[row, : len(ids)] = True
    batch = _Batch(*(t.to(device) for t in (prompt_ids, prompt_mask, owner, targets, valid)))
    logits = _shared_logits(model, batch) if shared else _whole_logits(model, batch)

    temperatures = torch.tensor([g.temperature for g in groups], device=device)[batch.owner]
    rows, _ = batch.valid.nonzero(as_tuple=True)
    scaled = logits[batch.valid].float() / temperatures[rows, None]
    logprobs = torch.log_softmax(scaled, dim=-1)
    with torch.no_grad():
        entropy = -(logprobs.exp() * logprobs).sum(-1)
    chosen = batch.targets[batch.valid][:, None]
    return ResponseLogprobs(logprob=logprobs.gather(1, chosen)[:, 0], entropy=entropy, row=rows)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Prompts, padded on the left, [groups, positions]; ``owner`` [responses] is the group of a
    response; ``targets`` and ``valid``, padded on the right, [responses, positions]."""

    prompt_ids: torch.Tensor
    prompt_mask: torch.Tensor
    owner: torch.Tensor
    targets: torch.Tensor
    valid: torch.Tensor


def _shared_logits(model: PreTrainedModel, b: _Batch) -> torch.Tensor:
    """Logits of every target [responses, positions, vocabulary], prompts computed once."""
    positions = (b.prompt_mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache()  # whole, also where attention has a sliding window: masks see to that
    first = model(
        input_ids=b.prompt_ids,
        attention_mask=b.prompt_mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits
    width = b.targets.shape[1]
    # Not by b.owner as an index: its gradient adds up the copies in the order in which threads
    # come to them, so that equal runs would differ in the last bit. That of index_select does not.
    logits: torch.Tensor = first.index_select(0, b.owner)
    if width == 1:
        return logits
    for layer in cache.layers:
        layer.keys = layer.keys.index_select(0, b.owner)
        layer.values = layer.values.index_select(0, b.owner)
    steps = torch.arange(1, width, device=b.targets.device)
    later = model(
        input_ids=b.targets[:, :-1],
        attention_mask=torch.cat([b.prompt_mask[b.owner], b.valid[:, :-1].long()], dim=1),
        position_ids=positions[b.owner, -1:] + steps[None, :],
        past_key_values=cache,
        use_cache=True,
    ).logits
    return torch.cat([logits, later], dim=1)


def _whole_logits(model: PreTrainedModel, b: _Batch) -> torch.Tensor:
    """The same from rows of prompt and response, without a cache."""
    ids = torch.cat([b.prompt_ids[b.owner], b.targets[:, :-1]], dim=1)
    mask = torch.cat([b.prompt_mask[b.owner], b.valid[:, :-1].long()], dim=1)
    logits: torch.Tensor = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=b.targets.shape[1],
    ).logits
    return logits
