"""One batch of responses, token by token, from the model's forward passes alone.

Each prompt is computed once and its keys and values are repeated for n
responses. A response that ends is reported and leaves the batch at once, so
the next forward pass is smaller. New prompts do not take the places of ended
ones: a pass costs some milliseconds of Python however few its rows, so a
batch starts with all that is allowed, usually a whole step's, and then there
are none waiting.

It knows nothing of tokenizers or roles, and leaves the model's mode and the
precision of its products to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from sparring.sampling.base import Prompt
from sparring.sampling.cache import from_prompts
from sparring.sampling.cut import Cut, cut_logits
from sparring.sampling.draw import draw, uniforms

_PADDING = 128
"""Prompts of different lengths are computed together as long as that many positions of padding
suffice: about what one more forward pass costs."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A whole response: ``row`` is prompt × n + index; ``by_token`` if it ended by itself."""

    row: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    by_token: bool


@dataclass(slots=True)
class _Rows:
    """State of the rows that are still in the batch. All tensors are [rows]."""

    index: torch.Tensor
    position: torch.Tensor
    limit: torch.Tensor
    temperature: torch.Tensor | None
    """None if it is 1 for all."""
    mask: torch.Tensor | None
    """[rows, width + room]; None if no prompt is padded."""
    last: torch.Tensor
    length: torch.Tensor
    over: torch.Tensor

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, left: int) -> None:
        """As in `GrowingLayer.close_gaps`."""
        for name in self.__slots__:
            held = getattr(self, name)
            if held is not None:
                held[holes] = held[movers]
                setattr(self, name, held[:left])


@torch.no_grad()
def decode(
    model: PreTrainedModel,
    prompts: Sequence[Prompt],
    n: int,
    end_ids: Sequence[int],
    ended: Callable[[list[Ended]], None],
    cut: Cut | None = None,
    first: int = 0,
) -> None:
    """Sample ``n`` responses to each prompt, those with the numbers from ``first`` on, from the
    whole distribution or what a ``cut`` leaves of it. ``ended`` is called within `torch.no_grad`,
    as soon as the host knows, with those that have ended since the last call; all are told of
    once."""
    device = model.device
    count = len(prompts) * n
    width = max(len(p.token_ids) for p in prompts)
    room = max(p.params.max_tokens for p in prompts)
    uniform = torch.from_numpy(uniforms(prompts, n, room, first).T.copy()).to(device)
    logits, cache = _prefill(model, prompts, n, width, room)
    rows = _start(prompts, n, width, room, device)
    tokens = torch.zeros((room, count), dtype=torch.long, device=device)
    logprobs = torch.zeros((room, count), device=device)
    ends = torch.tensor(list(end_ids), device=device)
    look_every = _look_every(device)

    for step in range(room):
        if step:
            logits = model(
                input_ids=rows.last[:, None],
                attention_mask=None if rows.mask is None else rows.mask[:, : width + step],
                position_ids=rows.position[:, None],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
        if cut is not None:
            logits = cut_logits(logits, rows.temperature, cut)
        rows.last, logprob = draw(
            logits, rows.temperature, uniform[step].index_select(0, rows.index)
        )
        tokens[step].scatter_(0, rows.index, rows.last)
        logprobs[step].scatter_(0, rows.index, logprob)
        rows.length += ~rows.over
        rows.over |= (rows.last[:, None] == ends).any(1) | (rows.limit <= step + 1)
        # one that is over stays at its place: the model may have no further one
        rows.position += ~rows.over
        if (step + 1) % look_every and step + 1 < room:
            continue
        over = rows.over.cpu()
        if not over.any():
            continue
        gone = over.nonzero()[:, 0]
        _report(rows, gone.to(device), tokens, logprobs, end_ids, ended)
        left = len(over) - len(gone)
        if not left:
            return
        holes = gone[gone < left].to(device)
        movers = (~over[left:]).nonzero()[:, 0].to(device) + left
        rows.close_gaps(holes, movers, left)
        for layer in cache.layers:
            layer.close_gaps(holes, movers, left)


def _look_every(device: torch.device) -> int:
    """After how many tokens the host asks which rows have ended. On an accelerator asking waits
    for all that is under way, so rows that have ended go on for a while, for nothing."""
    return 1 if device.type == "cpu" else 8


def _report(
    rows: _Rows,
    gone: torch.Tensor,
    tokens: torch.Tensor,
    logprobs: torch.Tensor,
    end_ids: Sequence[int],
    ended: Callable[[list[Ended]], None],
) -> None:
    """Tell of the responses in these rows."""
    index, length = rows.index[gone], rows.length[gone].tolist()
    longest = max(length)
    ids, found = tokens[:longest, index].T.tolist(), logprobs[:longest, index].T.tolist()
    ended(
        [
            Ended(row, tuple(t[:size]), tuple(p[:size]), t[size - 1] in end_ids)
            for row, size, t, p in zip(index.tolist(), length, ids, found, strict=True)
        ]
    )


def _start(prompts: Sequence[Prompt], n: int, width: int, room: int, device: torch.device) -> _Rows:
    lengths = _per_row([len(p.token_ids) for p in prompts], n, device)
    temperatures = [p.params.temperature for p in prompts]
    mask = None
    if min(len(p.token_ids) for p in prompts) < width:
        places = torch.arange(width + room, device=device)
        mask = (places >= (width - lengths)[:, None]).long()
    return _Rows(
        index=torch.arange(len(lengths), device=device),
        position=lengths - 1,
        limit=_per_row([p.params.max_tokens for p in prompts], n, device),
        temperature=(None if set(temperatures) == {1.0} else _per_row(temperatures, n, device)),
        mask=mask,
        last=torch.zeros_like(lengths),
        length=torch.zeros_like(lengths),
        over=torch.zeros_like(lengths, dtype=torch.bool),
    )


def _prefill(
    model: PreTrainedModel, prompts: Sequence[Prompt], n: int, width: int, room: int
) -> tuple[torch.Tensor, Cache]:
    """Logits of the first tokens [prompts × n, vocabulary] and the cache that goes on from them."""
    logits, caches = [], []
    for part in _parts([len(p.token_ids) for p in prompts]):
        ids, mask = _left_pad([prompts[i].token_ids for i in part], model.device)
        # Not by the model's configuration: layers with a sliding window would keep only that, and
        # what grows from here needs every position; their masks see to the window.
        cache = DynamicCache()
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
    return torch.cat(logits), from_prompts(caches, n, width, room)


def _parts(lengths: Sequence[int]) -> list[range]:
    """Neighbours that are computed together."""
    parts, start = [], 0
    for i in range(1, len(lengths)):
        part = lengths[start : i + 1]
        if max(part) * len(part) - sum(part) > _PADDING:
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


def _per_row(values: Sequence[float], n: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device).repeat_interleave(n)
