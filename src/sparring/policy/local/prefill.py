"""Computation of prompts before sampling: their division into passes, and the resulting caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.policy.base import Prompt

_LAYER_SECONDS = 6e-4
"""Overhead of a layer in a forward pass, in seconds: Python and kernel launches."""
_RATES = {"cpu": (12e9, 8e10, 1.6e11), "cuda": (2e12, 4e13, 4e14)}
"""Bytes per second, and operations per second in float32 and in 16 bits. The CPU's rates were
measured on one core of an EPYC 9004; the GPU's lie between an A100 and an H100, by their data
sheets."""
_STEP = 8
"""The cost of a pass is rounded up to a multiple of this many positions."""


def prefill(
    model: PreTrainedModel, prompts: Sequence[Prompt], n: int
) -> tuple[torch.Tensor, list[DynamicCache]]:
    """Compute the prompts. Returns the logits of the first response tokens [prompts × n,
    vocabulary], and a cache for each part of the prompts, in order."""
    logits, caches = [], []
    for part in _parts([len(p.token_ids) for p in prompts], pass_cost(model)):
        ids, mask = _left_pad([prompts[i].token_ids for i in part], model.device)
        # Created without the model's configuration, the cache keeps every position. Otherwise
        # layers with a sliding window would keep the window alone, but the caches that grow from
        # this cache need all positions. The masks apply the window.
        cache = DynamicCache()
        with _head_of_rows(model):
            last = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
        logits.append(last.repeat_interleave(n, dim=0))
        caches.append(cache)
    return torch.cat(logits), caches


@contextmanager
def _head_of_rows(model: PreTrainedModel) -> Iterator[None]:
    """Copy the hidden states of the last positions [prompts, 1, size] into one contiguous tensor
    before the output matrix, within the block.

    `transformers` passes a slice of all positions. Torch then computes a batch of products, and in
    bfloat16 on a CPU it copies the matrix for each of them: 1.5 s instead of 30 ms for one prompt
    and 152,000 tokens. In float32 torch makes no such copies, and nothing is done.
    """
    if model.dtype is torch.float32:
        yield
        return
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(
        lambda _, inputs: (inputs[0].clone(memory_format=torch.contiguous_format), *inputs[1:])
    )
    try:
        yield
    finally:
        hook.remove()


def pass_cost(model: PreTrainedModel) -> int:
    """Return the fixed cost of one more pass over prompts, expressed in positions of a pass.

    The cost is the layers' overhead and one reading of all weights, divided by the time for the
    products of one position. The cost follows from the model's shape, its data type and the kind of
    device, never from measured time. The reason: the prompts that share a pass decide how sums are
    rounded, and a run must be the same on another day.
    """
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    total = sum(p.numel() for p in model.parameters())
    layers = total - embedding.numel() - (0 if head is embedding else head.numel())
    of_bytes, of_float32, of_half = _RATES.get(model.device.type, _RATES["cuda"])
    overhead = _LAYER_SECONDS * model.config.get_text_config().num_hidden_layers
    size = embedding.element_size()
    reading = (layers + head.numel()) * size / of_bytes
    position = 2 * layers / (of_float32 if size > 2 else of_half)
    return int(-(-(overhead + reading) / position // _STEP) * _STEP)


def _parts(lengths: Sequence[int], cost: int) -> list[range]:
    """Divide prompts, given by their lengths, into runs of neighbours that share a pass. A run
    grows as long as its padding is at most ``cost`` positions."""
    parts, start = [], 0
    for i in range(1, len(lengths)):
        part = lengths[start : i + 1]
        if max(part) * len(part) - sum(part) > cost:
            parts.append(range(start, i))
            start = i
    return [*parts, range(start, len(lengths))]


def _left_pad(
    prompts: Sequence[tuple[int, ...]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask [prompts, longest prompt], padded on the left."""
    # Padding has the id 0, but is masked: any id of the vocabulary would do.
    width = max(map(len, prompts))
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)
