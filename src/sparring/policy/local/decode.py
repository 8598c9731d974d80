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

from sparring.policy.base import Prompt
from sparring.policy.local.attention import grouping
from sparring.policy.local.capture import capture_for
from sparring.policy.local.cut import Cut, cut_logits
from sparring.policy.local.draw import draw, uniforms
from sparring.policy.local.forward import Growing, Static
from sparring.policy.local.packing import packing
from sparring.policy.local.prefill import prefill


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
    last: torch.Tensor
    length: torch.Tensor
    over: torch.Tensor

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, left: int) -> None:
        """As in `Growing.close_gaps`."""
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
    room = max(p.params.max_tokens for p in prompts)
    with grouping(model), packing(model, room):
        _decode(model, prompts, n, end_ids, ended, cut, first)


def _decode(
    model: PreTrainedModel,
    prompts: Sequence[Prompt],
    n: int,
    end_ids: Sequence[int],
    ended: Callable[[list[Ended]], None],
    cut: Cut | None,
    first: int,
) -> None:
    device = model.device
    count = len(prompts) * n
    room = max(p.params.max_tokens for p in prompts)
    uniform = torch.from_numpy(uniforms(prompts, n, room, first).T.copy()).to(device)
    logits, following = _begin(model, prompts, n, room)
    rows = _start(prompts, n, device)
    tokens = torch.zeros((room, count), dtype=torch.long, device=device)
    logprobs = torch.zeros((room, count), device=device)
    ends = torch.tensor(list(end_ids), device=device)
    look_every = _look_every(device)

    for step in range(room):
        if step:
            logits = following(rows.last, rows.position)
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
        following.close_gaps(holes, movers, left)


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


def _begin(
    model: PreTrainedModel, prompts: Sequence[Prompt], n: int, room: int
) -> tuple[torch.Tensor, Growing | Static]:
    """Logits of the first tokens [prompts × n, vocabulary], and the passes that follow."""
    logits, caches = prefill(model, prompts, n)
    lengths = _per_row([len(p.token_ids) for p in prompts], n, model.device)
    width, mask = int(lengths.max()), None
    if int(lengths.min()) < width:
        places = torch.arange(width + room, device=model.device)
        mask = (places >= (width - lengths)[:, None]).long()
    capture = capture_for(model)
    if capture is None:
        return logits, Growing(model, caches, n, width, room, mask)
    return logits, Static(model, caches, n, width, room, mask, capture)


def _start(prompts: Sequence[Prompt], n: int, device: torch.device) -> _Rows:
    lengths = _per_row([len(p.token_ids) for p in prompts], n, device)
    temperatures = [p.params.temperature for p in prompts]
    return _Rows(
        index=torch.arange(len(lengths), device=device),
        position=lengths - 1,
        limit=_per_row([p.params.max_tokens for p in prompts], n, device),
        temperature=(None if set(temperatures) == {1.0} else _per_row(temperatures, n, device)),
        last=torch.zeros_like(lengths),
        length=torch.zeros_like(lengths),
        over=torch.zeros_like(lengths, dtype=torch.bool),
    )


def _per_row(values: Sequence[float], n: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device).repeat_interleave(n)
