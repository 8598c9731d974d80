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


def response_logprobs(model: PreTrainedModel, groups: Sequence[Group]) -> ResponseLogprobs:
    """Log-probs and entropies of all responses of ``groups`` under ``model``.

    Runs as one batch: memory grows with `samples.micro_batches`' budget.
    """
    device = model.device
    prompt_width = max(len(g.prompt_ids) for g in groups)
    prompt_ids = torch.zeros((len(groups), prompt_width), dtype=torch.long)
    prompt_mask = torch.zeros((len(groups), prompt_width), dtype=torch.long)
    for i, g in enumerate(groups):
        prompt_ids[i, prompt_width - len(g.prompt_ids) :] = torch.tensor(g.prompt_ids)
        prompt_mask[i, prompt_width - len(g.prompt_ids) :] = 1
    prompt_ids, prompt_mask = prompt_ids.to(device), prompt_mask.to(device)
    prompt_positions = (prompt_mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    first = model(
        input_ids=prompt_ids,
        attention_mask=prompt_mask,
        position_ids=prompt_positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits

    responses = [s.token_ids for g in groups for s in g.samples]
    owner = torch.tensor([i for i, g in enumerate(groups) for _ in g.samples], device=device)
    width = max(len(ids) for ids in responses)
    targets = torch.zeros((len(responses), width), dtype=torch.long)
    valid = torch.zeros((len(responses), width), dtype=torch.bool)
    for row, ids in enumerate(responses):
        targets[row, : len(ids)] = torch.tensor(ids)
        valid[row, : len(ids)] = True
    targets, valid = targets.to(device), valid.to(device)

    logits = first[owner]
    if width > 1:
        for layer in cache.layers:
            layer.batch_select_indices(owner)
        steps = torch.arange(1, width, device=device)
        later = model(
            input_ids=targets[:, :-1],
            attention_mask=torch.cat([prompt_mask[owner], valid[:, :-1].long()], dim=1),
            position_ids=prompt_positions[owner, -1:] + steps[None, :],
            past_key_values=cache,
            use_cache=True,
        ).logits
        logits = torch.cat([logits, later], dim=1)

    temperatures = torch.tensor([g.temperature for g in groups], device=device)[owner]
    rows, _ = valid.nonzero(as_tuple=True)
    scaled = logits[valid].float() / temperatures[rows, None]
    logprobs = torch.log_softmax(scaled, dim=-1)
    with torch.no_grad():
        entropy = -(logprobs.exp() * logprobs).sum(-1)
    return ResponseLogprobs(
        logprob=logprobs.gather(1, targets[valid][:, None])[:, 0], entropy=entropy, row=rows
    )
