"""Sampling of one batch of responses, token by token, from the model's forward passes.

Each prompt is computed once, and its keys and values are repeated for n responses. A response that
ends is reported and leaves the batch, so later forward passes are smaller. Ended rows are not
replaced by new prompts. A pass costs some milliseconds of Python even with few rows. So a batch
starts with as many rows as are allowed. Usually these are all rows of the step, and no prompt is
left waiting.

This module knows neither tokenizers nor roles. The model's mode and the precision of its products
are the caller's choice.
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
class EndedResponse:
    """Complete response. ``row`` is prompt × n + index; ``by_token``: the response ended with an
    end token, not at its length limit."""

    row: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    by_token: bool


@dataclass(slots=True)
class _Rows:
    """State of the rows that are still in the batch. All tensors are [rows]."""

    index: torch.Tensor
    """Row of the batch at its start: prompt × n + index."""
    position: torch.Tensor
    """Position of the last token in its sequence of prompt and response."""
    limit: torch.Tensor
    """Largest number of response tokens."""
    temperature: torch.Tensor | None
    """Sampling temperature; None if it is 1 for all rows."""
    last: torch.Tensor
    """Last sampled token."""
    length: torch.Tensor
    """Number of response tokens, end token included."""
    over: torch.Tensor
    """Whether the response has ended; its row may still be in the batch."""

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, remaining: int) -> None:
        """Move rows ``movers`` to the places ``holes`` of ended rows; the first ``remaining`` rows
        remain."""
        for name in self.__slots__:
            values = getattr(self, name)
            if values is not None:
                values[holes] = values[movers]
                setattr(self, name, values[:remaining])


@torch.no_grad()
def decode(
    model: PreTrainedModel,
    prompts: Sequence[Prompt],
    n: int,
    end_ids: Sequence[int],
    ended: Callable[[list[EndedResponse]], None],
    cut: Cut | None = None,
    first: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Sample ``n`` responses to each prompt, with the indices from ``first`` on.

    Tokens come from the full distribution, or from its truncation by ``cut``. ``ended`` is called
    within `torch.no_grad` with the responses that have ended since the last call, as soon as the
    host knows of them. Each response is reported once. ``stop`` is called before each token; once
    it returns true, the responses that have not ended are dropped.
    """
    max_tokens = max(p.params.max_tokens for p in prompts)
    with grouping(model), packing(model, max_tokens):
        _decode(model, prompts, n, end_ids, ended, cut, first, stop)


def _decode(
    model: PreTrainedModel,
    prompts: Sequence[Prompt],
    n: int,
    end_ids: Sequence[int],
    ended: Callable[[list[EndedResponse]], None],
    cut: Cut | None,
    first: int,
    stop: Callable[[], bool],
) -> None:
    device = model.device
    count = len(prompts) * n
    max_tokens = max(p.params.max_tokens for p in prompts)
    # All random numbers are drawn before the first token, [max_tokens, count]: a response's numbers
    # do not depend on the rows that are left in the batch.
    uniform = torch.from_numpy(uniforms(prompts, n, max_tokens, first).T.copy()).to(device)
    logits, following = _begin(model, prompts, n, max_tokens)
    rows = _start(prompts, n, device)
    # By step and original row: a row keeps its column in these buffers wherever it moves.
    tokens = torch.zeros((max_tokens, count), dtype=torch.long, device=device)
    logprobs = torch.zeros((max_tokens, count), device=device)
    ends = torch.tensor(list(end_ids), device=device)
    check_every = _check_every(device)

    for step in range(max_tokens):
        if stop():
            return
        if step:
            logits = following(rows.last, rows.position)
        if cut is not None:
            logits = cut_logits(logits, rows.temperature, cut)
        rows.last, logprob = draw(
            logits, rows.temperature, uniform[step].index_select(0, rows.index)
        )
        tokens[step].scatter_(0, rows.index, rows.last)
        logprobs[step].scatter_(0, rows.index, logprob)
        # A row that has ended may go on for some steps (`_check_every`): its further tokens are
        # written but not counted in its length.
        rows.length += ~rows.over
        rows.over |= (rows.last[:, None] == ends).any(1) | (rows.limit <= step + 1)
        # An ended row stays at its position, because the model may have no further position.
        rows.position += ~rows.over
        if (step + 1) % check_every and step + 1 < max_tokens:
            continue
        over = rows.over.cpu()  # waits for the device
        if not over.any():
            continue
        ended_rows = over.nonzero()[:, 0]
        _report(rows, ended_rows.to(device), tokens, logprobs, end_ids, ended)
        remaining = len(over) - len(ended_rows)
        if not remaining:
            return
        # The last rows that go on fill the places of ended rows among the first `remaining`. So no
        # more rows are copied than have ended, and the rows that go on are a prefix of every
        # buffer.
        holes = ended_rows[ended_rows < remaining].to(device)
        movers = (~over[remaining:]).nonzero()[:, 0].to(device) + remaining
        rows.close_gaps(holes, movers, remaining)
        following.close_gaps(holes, movers, remaining)


def _check_every(device: torch.device) -> int:
    """Return the number of tokens between two checks for ended rows."""
    # On an accelerator a check waits for all queued work. Computing ended rows for up to seven
    # tokens more costs less than waiting at every token.
    return 1 if device.type == "cpu" else 8


def _report(
    rows: _Rows,
    ended_rows: torch.Tensor,
    tokens: torch.Tensor,
    logprobs: torch.Tensor,
    end_ids: Sequence[int],
    ended: Callable[[list[EndedResponse]], None],
) -> None:
    """Report the responses in ``ended_rows``."""
    index, length = rows.index[ended_rows], rows.length[ended_rows].tolist()
    longest = max(length)
    ids, values = tokens[:longest, index].T.tolist(), logprobs[:longest, index].T.tolist()
    ended(
        [
            EndedResponse(row, tuple(t[:size]), tuple(p[:size]), t[size - 1] in end_ids)
            for row, size, t, p in zip(index.tolist(), length, ids, values, strict=True)
        ]
    )


def _begin(
    model: PreTrainedModel, prompts: Sequence[Prompt], n: int, max_tokens: int
) -> tuple[torch.Tensor, Growing | Static]:
    """Compute the prompts. Returns the logits of the first tokens [prompts × n, vocabulary], and
    the function for the passes that follow."""
    logits, caches = prefill(model, prompts, n)
    lengths = _per_row([len(p.token_ids) for p in prompts], n, model.device)
    width, mask = int(lengths.max()), None
    if int(lengths.min()) < width:  # without padding the model needs no mask, which is faster
        places = torch.arange(width + max_tokens, device=model.device)
        mask = (places >= (width - lengths)[:, None]).long()
    capture = capture_for(model)
    if capture is None:
        return logits, Growing(model, caches, n, width, max_tokens, mask)
    return logits, Static(model, caches, n, width, max_tokens, mask, capture)


def _start(prompts: Sequence[Prompt], n: int, device: torch.device) -> _Rows:
    """Return the state of all rows before their first token."""
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
    """Repeat a value for each prompt in its n rows [prompts × n]."""
    return torch.tensor(values, device=device).repeat_interleave(n)
