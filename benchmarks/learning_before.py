"""The update in bfloat16 as it was before weights were bfloat16: the baseline of "today".

Float32 weights under autocast, which casts each of them at each use; keys and values repeated for
every head; a position of logits for each row that is thrown away; 256 MiB of logits at once, each
chunk computed again on the way back. The loss and the split by length are the present ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.learner.logprobs.compute import FlatTokens
from sparring.learner.logprobs.head import _of_chunk
from sparring.learner.logprobs.padded import left_padded, right_padded
from sparring.learner.logprobs.prompt_cache import _repeated, by_length
from sparring.learner.logprobs.sizes import CHUNK_BYTES
from sparring.learner.samples import SampleGroup
from sparring.policy.adapters import inner_model

PASS_COST = 64


def logprobs_before(
    model: PreTrainedModel, groups: list[SampleGroup]
) -> tuple[torch.Tensor, FlatTokens]:
    """Log-probs with gradient [tokens], within autocast."""
    flat = FlatTokens.of(groups, model.device)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        hidden = _hidden(model, groups)
        vocabulary = inner_model(model).get_input_embeddings().weight.shape[0]
        size = CHUNK_BYTES // (4 * vocabulary)
        parts = [
            checkpoint(_of_chunk, model, {}, *piece, use_reentrant=False, preserve_rng_state=False)[
                0
            ]
            for piece in zip(
                *(x.split(size) for x in (hidden, flat.target, flat.temperature)), strict=True
            )
        ]
    return torch.cat(parts), flat


def _states(model: PreTrainedModel, **inputs: Any) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    decoder = inner_model(model).get_decoder()
    handle = decoder.register_forward_hook(lambda *a: seen.append(a[2][0]))
    try:
        model(**inputs, use_cache=True, logits_to_keep=1)
    finally:
        handle.remove()
    return seen[0]


def _hidden(model: PreTrainedModel, groups: list[SampleGroup]) -> torch.Tensor:
    ids, mask = left_padded([g.prompt_ids for g in groups])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache()
    prompt = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    found = [_states(model, **prompt, past_key_values=cache)[:, -1]]
    responses = [s.token_ids for g in groups for s in g.samples]
    owners = [i for i, g in enumerate(groups) for _ in g.samples]
    index = [torch.tensor([owner]) for owner in owners]
    start = len(groups)
    for part in by_length([len(r) - 1 for r in responses], PASS_COST):
        owner = torch.tensor([owners[i] for i in part])
        later, valid = right_padded([responses[i][:-1] for i in part])
        width = later.shape[1]
        hidden = _states(
            model,
            input_ids=later,
            attention_mask=torch.cat([mask[owner], valid], dim=1),
            position_ids=positions[owner, -1:] + torch.arange(1, width + 1),
            past_key_values=_repeated(cache, owner),
        )
        found.append(hidden.flatten(0, 1))
        for row, i in enumerate(part):
            own = torch.arange(len(responses[i]) - 1) + start + row * width
            index[i] = torch.cat([index[i], own])
        start += hidden.shape[0] * width
    return torch.cat(found).index_select(0, torch.cat(index))
