"""Prompts before their responses: what each is computed with, and the caches that they leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from sparring.policy.base import Prompt

_LAYER_SECONDS = 6e-4
"""What a layer of a pass costs in Python and in launches, however little it computes."""
_RATES = {"cpu": (12e9, 8e10, 1.6e11), "cuda": (2e12, 4e13, 4e14)}
"""Bytes per second, and operations per second in float32 and in 16 bits. Of a CPU those of one
core of an EPYC 9004, measured; of a GPU an A100's to H100's, from data sheets."""
_STEP = 8


def prefill(
    model: PreTrainedModel, prompts: Sequence[Prompt], n: int
) -> tuple[torch.Tensor, list[DynamicCache]]:
    """Logits of the first tokens [prompts × n, vocabulary], and a cache for each part of the
    prompts, in order."""
    logits, caches = [], []
    for part in _parts([len(p.token_ids) for p in prompts], pass_cost(model)):
        ids, mask = _left_pad([prompts[i].token_ids for i in part], model.device)
        # Not by the model's configuration: layers with a sliding window would keep only that, and
        # what grows from here needs every position; their masks see to the window.
        cache = DynamicCache()
        with _head_of_rows(model):
            found = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
        logits.append(found.repeat_interleave(n, dim=0))
        caches.append(cache)
    return torch.cat(logits), caches


@contextmanager
def _head_of_rows(model: PreTrainedModel) -> Iterator[None]:
    """The output matrix gets the last positions [prompts, 1, size] copied together.

    As `transformers` cuts them out of all positions, torch sees a batch of products, and in
    bfloat16 on a CPU it copies the matrix for each of them: 1.5 s instead of 30 ms for one prompt
    and 152,000 tokens. In float32 it copies nothing.
    """
    if model.dtype is torch.float32:
        yield
        return
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(
        lambda _, given: (given[0].clone(memory_format=torch.contiguous_format), *given[1:])
    )
    try:
        yield
    finally:
        hook.remove()


def pass_cost(model: PreTrainedModel) -> int:
    """What one more pass over prompts costs, in positions of a pass: its layers' overhead and one
    reading of all weights, against the products of one position.

    A function of the model's shape, type and kind of device, not of a clock: which prompts share a
    pass decides how their sums are rounded, and a run must be the same on another day.
    """
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    every = sum(p.numel() for p in model.parameters())
    layers = every - embedding.numel() - (0 if head is embedding else head.numel())
    of_bytes, of_float32, of_half = _RATES.get(model.device.type, _RATES["cuda"])
    overhead = _LAYER_SECONDS * model.config.get_text_config().num_hidden_layers
    size = embedding.element_size()
    reading = (layers + head.numel()) * size / of_bytes
    position = 2 * layers / (of_float32 if size > 2 else of_half)
    return int(-(-(overhead + reading) / position // _STEP) * _STEP)


def _parts(lengths: Sequence[int], cost: int) -> list[range]:
    """Neighbours that are computed together: as long as ``cost`` positions of padding suffice."""
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
    """Input ids and attention mask [prompts, the longest], padded on the left.

    The padding id is 0: it is masked, so any id of the vocabulary will do.
    """
    width = max(map(len, prompts))
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)
