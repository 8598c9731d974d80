"""Backend ``prompt_cache``: a prompt is computed once, with gradient, for all its responses.

The prompt's keys and values are repeated for the group's responses, which are then computed as
right-padded batches of similar length. Compared with rows of prompt and response, this saves the
repeated prompts and the padding, and changes nothing else. Gradient checkpointing keeps no cache
and therefore excludes this backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.learner.logprobs.head import hidden_states
from sparring.learner.logprobs.padded import left_padded, right_padded
from sparring.learner.samples import SampleGroup

_LAYER_SECONDS = 1.8e-3
"""Overhead of a layer in Python and kernel launches, in seconds: 0.6 ms for the forward pass, as in
sampling, and twice that for the backward pass. This is an estimate, not a measurement of training
passes."""
_RATES = {"cpu": (12e9, 8e10, 1.6e11), "cuda": (2e12, 4e13, 4e14)}
"""Bytes per second, and operations per second in float32 and in 16 bits. The CPU's rates are those
of one core of an EPYC 9004, measured in sampling; the GPU's lie between an A100 and an H100, by
their data sheets."""
_MOST_ON_CPU = 64
"""Largest cost of a pass on a CPU, in positions. Measured with the embedded model
(benchmarks/learning.py), whose passes cost nothing but overhead."""


def pass_cost(model: PreTrainedModel, kind: str) -> int:
    """Return the fixed cost of one more forward and backward pass, expressed in positions, on a
    ``kind`` of device ("cpu" or "cuda").

    The cost consists of the layers' overhead and of memory traffic: both passes read the weights,
    and the backward pass writes the gradient of the trained weights and adds it to the gradient of
    earlier passes. The cost follows from the model's shape, its data type and the kind of device,
    never from measured time. The reason: the responses that share a pass decide how sums are
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


def hidden_after_prompts(model: PreTrainedModel, groups: Sequence[SampleGroup]) -> torch.Tensor:
    """Return the hidden state that predicts each response token [tokens, width], in order."""
    device = model.device
    # Prompts are padded on the left, so that every prompt ends in the last column: responses follow
    # it without a gap, and column -1 predicts their first tokens.
    ids, mask = (t.to(device) for t in left_padded([g.prompt_ids for g in groups]))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    responses = [s.token_ids for g in groups for s in g.samples]
    owners = [i for i, g in enumerate(groups) for _ in g.samples]
    parts = by_length([len(r) - 1 for r in responses], pass_cost(model, device.type))
    rows = [right_padded([responses[i][:-1] for i in part]) for part in parts]
    first_inputs, *later_inputs = _inputs(model, [ids, *(later.to(device) for later, _ in rows)])
    # Without the model's configuration the cache keeps all keys, also where attention has a sliding
    # window; the window is in the masks.
    cache = DynamicCache()
    first = hidden_states(
        model,
        **first_inputs,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    # `index` collects, for each response, the rows of the concatenated hidden states that predict
    # its tokens: first its prompt's last state (rows 0 to len(groups) - 1), then its own states.
    hiddens = [first[:, -1]]
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
        hiddens.append(hidden.flatten(0, 1))
        for row, i in enumerate(part):
            own = torch.arange(len(responses[i]) - 1) + start + row * width
            index[i] = torch.cat([index[i], own])
        start += hidden.shape[0] * width
    return torch.cat(hiddens).index_select(0, torch.cat(index).to(device))


def _inputs(model: PreTrainedModel, ids: Sequence[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """Return each pass's input for the model, from its token ids [rows, positions]: the ids, or in
    bfloat16 their embeddings."""
    # The gradient of the embeddings is as large as the vocabulary, and every pass would make one
    # and add it up. A single lookup for all passes makes one gradient. Float32 keeps a lookup for
    # each pass, because another order of sums would round differently.
    table = model.get_input_embeddings()
    if model.dtype is not torch.bfloat16 or not table.weight.requires_grad:
        return [{"input_ids": part} for part in ids]
    found = table(torch.cat([part.flatten() for part in ids])).split([x.numel() for x in ids])
    return [
        {"inputs_embeds": embedded.view(*part.shape, -1)}
        for part, embedded in zip(ids, found, strict=True)
    ]


def _repeated(cache: DynamicCache, owner: torch.Tensor) -> DynamicCache:
    """Return a cache with one row for each response: the row of the response's group [responses,
    heads, positions, width]."""
    copy = DynamicCache()
    for i, layer in enumerate(cache.layers):
        # `keys[owner]` would be wrong here: its backward pass adds up the copies in the order in
        # which threads reach them, and equal runs would differ in the last bit. The backward pass
        # of `index_select` has a fixed order.
        copy.update(layer.keys.index_select(0, owner), layer.values.index_select(0, owner), i)
    return copy


def by_length(lengths: Sequence[int], cost: int) -> list[list[int]]:
    """Split rows into parts of similar length, the longest first; empty rows are left out.

    The split minimises the padded positions plus ``cost`` positions for each part, by dynamic
    programming over the rows in order of length.
    """
    rows = sorted((i for i, n in enumerate(lengths) if n > 0), key=lambda i: (-lengths[i], i))
    starts = [i for i, row in enumerate(rows) if not i or lengths[rows[i - 1]] != lengths[row]]
    least = {len(rows): 0}  # by start: the least cost of the rows from there on
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
