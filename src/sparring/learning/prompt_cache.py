"""Backend ``prompt_cache``: a prompt is computed once, with gradient, for all its responses.

Its keys and values are repeated for the group's responses, which then run as
right-padded batches of similar length. Against rows of prompt and response
that saves the repeated prompts and the padding, and changes nothing else.
Gradient checkpointing keeps no cache and therefore excludes this.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.learning.batch import left_padded, right_padded
from sparring.learning.head import hidden_states
from sparring.learning.samples import Group

PASS_COST = {"cpu": 64, "cuda": 4096}
"""What one more forward and backward pass costs beside its positions, in positions. For a CPU
measured (benchmarks/learning.py); for a GPU an estimate."""


def hidden_after_prompts(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], in order."""
    device = model.device
    ids, mask = (t.to(device) for t in left_padded([g.prompt_ids for g in groups]))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache()  # whole, also where attention has a sliding window: masks see to that
    first = hidden_states(
        model,
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    found = [first[:, -1]]  # predicts the first token of each of the group's responses
    responses = [s.token_ids for g in groups for s in g.samples]
    owners = [i for i, g in enumerate(groups) for _ in g.samples]
    index = [torch.tensor([owner]) for owner in owners]
    start = len(groups)
    cost = PASS_COST.get(device.type, PASS_COST["cuda"])
    for part in by_length([len(r) - 1 for r in responses], cost):
        owner = torch.tensor([owners[i] for i in part], device=device)
        later, valid = (t.to(device) for t in right_padded([responses[i][:-1] for i in part]))
        width = later.shape[1]
        hidden = hidden_states(
            model,
            input_ids=later,
            attention_mask=torch.cat([mask[owner], valid], dim=1),
            position_ids=positions[owner, -1:] + torch.arange(1, width + 1, device=device),
            past_key_values=_repeated(cache, owner),
            use_cache=True,
        )
        found.append(hidden.flatten(0, 1))
        for row, i in enumerate(part):
            own = torch.arange(len(responses[i]) - 1) + start + row * width
            index[i] = torch.cat([index[i], own])
        start += hidden.shape[0] * width
    return torch.cat(found).index_select(0, torch.cat(index).to(device))


def _repeated(cache: DynamicCache, owner: torch.Tensor) -> DynamicCache:
    """The cache with the row of each response's group [responses, heads, positions, width]."""
    copy = DynamicCache()
    for i, layer in enumerate(cache.layers):
        # Not by owner as an index: its gradient adds up the copies in the order in which threads
        # come to them, so that equal runs would differ in the last bit. That of index_select does
        # not.
        copy.update(layer.keys.index_select(0, owner), layer.values.index_select(0, owner), i)
    return copy


def by_length(lengths: Sequence[int], cost: int) -> list[list[int]]:
    """Rows in parts of similar length, without the empty ones: the split for which padded positions
    and ``cost`` positions for each part are fewest. The longest come first."""
    rows = sorted((i for i, n in enumerate(lengths) if n > 0), key=lambda i: (-lengths[i], i))
    starts = [i for i, row in enumerate(rows) if not i or lengths[rows[i - 1]] != lengths[row]]
    least = {len(rows): 0}  # what the rows from a start on cost at best
    follows: dict[int, int] = {}
    for a in reversed(starts):
        width = lengths[rows[a]]
        options = ((width * (b - a) + cost + least[b], b) for b in [*starts, len(rows)] if b > a)
        least[a], follows[a] = min(options)
    parts, a = [], 0
    while a < len(rows):
        parts.append(rows[a : follows[a]])
        a = follows[a]
    return parts
