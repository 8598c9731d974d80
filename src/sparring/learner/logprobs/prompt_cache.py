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

from sparring.learner.logprobs.head import hidden_states
from sparring.learner.logprobs.padded import left_padded, right_padded
from sparring.learner.samples import Group

_LAYER_SECONDS = 1.8e-3
"""What a layer costs in Python and in launches, whatever it computes: 0.6 ms there, as in
sampling, and taken for twice that back: an estimate, not measured for passes that learn."""
_RATES = {"cpu": (12e9, 8e10, 1.6e11), "cuda": (2e12, 4e13, 4e14)}
"""Bytes per second, and operations per second in float32 and in 16 bits. Of a CPU those of one
core of an EPYC 9004, as sampling measured them; of a GPU those of an A100
to an H100, from data sheets."""
_MOST_ON_CPU = 64
"""Positions, measured with the embedded model (benchmarks/learning.py), whose passes cost nothing
but overhead."""


def pass_cost(model: PreTrainedModel, kind: str) -> int:
    """What one more pass there and back costs beside its positions, in positions, on a ``kind``
    of device.

    Its layers' overhead and its traffic: weights are read on both ways, and the gradient of those
    that learn is written, and added to that of the other passes. A function of the model's shape,
    type and kind of device, not of a clock: which responses share a pass decides how sums are
    rounded, and a run must be the same on another day.
    """
    ends = {
        id(end.weight)
        for end in (model.get_input_embeddings(), model.get_output_embeddings())
        if end is not None and hasattr(end, "weight")
    }
    layers = [p for p in model.parameters() if id(p) not in ends]
    size = max((p.element_size() for p in layers), default=4)
    held = sum(p.numel() for p in layers)
    learning = sum(p.numel() for p in layers if p.requires_grad)
    of_bytes, of_float32, of_half = _RATES.get(kind, _RATES["cuda"])
    depth: int = model.config.get_text_config().num_hidden_layers
    overhead = _LAYER_SECONDS * depth
    traffic = (2 * held + 4 * learning) * size / of_bytes
    position = (4 * held + 2 * learning) / (of_float32 if size > 2 else of_half)
    cost: int = max(1, round((overhead + traffic) / position))
    return min(cost, _MOST_ON_CPU) if kind == "cpu" else cost


def hidden_after_prompts(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], in order."""
    device = model.device
    ids, mask = (t.to(device) for t in left_padded([g.prompt_ids for g in groups]))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    responses = [s.token_ids for g in groups for s in g.samples]
    owners = [i for i, g in enumerate(groups) for _ in g.samples]
    parts = by_length([len(r) - 1 for r in responses], pass_cost(model, device.type))
    rows = [right_padded([responses[i][:-1] for i in part]) for part in parts]
    first_inputs, *later_inputs = _inputs(model, [ids, *(later.to(device) for later, _ in rows)])
    cache = DynamicCache()  # whole, also where attention has a sliding window: masks see to that
    first = hidden_states(
        model,
        **first_inputs,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    found = [first[:, -1]]  # predicts the first token of each of the group's responses
    index = [torch.tensor([owner]) for owner in owners]
    start = len(groups)
    for part, (later, valid), inputs in zip(parts, rows, later_inputs, strict=True):
        owner = torch.tensor([owners[i] for i in part], device=device)
        width = later.shape[1]
        hidden = hidden_states(
            model,
            **inputs,
            attention_mask=torch.cat([mask[owner], valid.to(device)], dim=1),
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


def _inputs(model: PreTrainedModel, ids: Sequence[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """The ids [rows, positions] of each pass as a model takes them. In bfloat16 all are looked up
    at once: the gradient of an embedding is as large as the vocabulary, and would be made and
    added up for every pass. In float32 sums are kept as they always were, to the bit."""
    table = model.get_input_embeddings()
    if model.dtype is not torch.bfloat16 or not table.weight.requires_grad:
        return [{"input_ids": part} for part in ids]
    found = table(torch.cat([part.flatten() for part in ids])).split([x.numel() for x in ids])
    return [
        {"inputs_embeds": embedded.view(*part.shape, -1)}
        for part, embedded in zip(ids, found, strict=True)
    ]


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
