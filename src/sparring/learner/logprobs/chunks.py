"""Log-probs from hidden states and an output matrix, without the logits of all positions at once.

Let p be the probabilities of a token's row and t the drawn token. The gradient of the log-prob with
respect to the logits is (1(t) − p) / temperature. This row is known in the forward pass, except for
the factor that the loss will give it.

- Gradient of the hidden states: the forward pass multiplies the row by the output matrix while the
  probabilities are at hand, and keeps only this product [tokens, width].
- Gradient of the output matrix: the backward pass needs the rows again. Few rows are kept, in the
  data type of the weights; many rows are computed again.
- Frozen output matrix: the backward pass needs no rows. Two matrix products are enough; computing
  every chunk again would take four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from sparring.learner.logprobs.sizes import CACHE_BYTES


@dataclass(frozen=True, slots=True)
class LogitTransform:
    """Computation of the logits: the output matrix's product times ``factor``, then bounded by
    ``cap`` through a tanh (None: unbounded). ``size``: tokens whose logits exist at one time.
    ``keep``: largest number of bytes of rows to keep for the backward pass."""

    factor: float
    cap: float | None
    size: int
    keep: int


def in_chunks(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    temperature: torch.Tensor,
    rule: LogitTransform,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probs with gradient and entropies (nats) without, [tokens] each, of ``targets``
    [tokens] from ``hidden`` [tokens, width], ``weight`` [vocabulary, width], ``bias``
    [vocabulary] and ``temperature`` [tokens]."""
    values: tuple[torch.Tensor, torch.Tensor] = _Chunks.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, temperature, rule
    )
    return values


def reduced(
    logits: torch.Tensor, targets: torch.Tensor, temperature: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return log-probs [tokens], entropies [tokens] and probabilities [tokens, vocabulary] of
    ``logits`` [tokens, vocabulary], in float32."""
    scaled = logits.float() / temperature[:, None]
    total = scaled.logsumexp(-1)
    chosen = scaled.gather(1, targets[:, None])[:, 0] - total
    p = (scaled - total[:, None]).exp_()
    return chosen, total - torch.linalg.vecdot(p, scaled), p


class _Chunks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        temperature: torch.Tensor,
        rule: LogitTransform,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        learns = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        wanted = ctx.needs_input_grad[0] or learns
        count, vocabulary = len(targets), weight.shape[0]
        keeps = learns and count * vocabulary * weight.element_size() <= rule.keep
        # One buffer: it holds all rows if the backward pass needs them, else the rows of one chunk,
        # which the next chunk overwrites.
        rows = weight.new_empty(count if keeps else min(rule.size, count), vocabulary)
        chosen, entropies, pulls = [], [], []
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, count, rule.size):
                part = slice(start, start + rule.size)
                h, temperatures = hidden[part], temperature[part]
                row = rows[part] if keeps else rows[: len(h)]
                logprob, entropy = _fill(
                    row, h, targets[part], temperatures, weight, bias, rule, wanted
                )
                chosen.append(logprob)
                entropies.append(entropy)
                if wanted:
                    # `row` now holds 1(t) − p, not logits: see `_fill`.
                    pulls.append(row @ weight)
        ctx.rule, ctx.rows = rule, rows if keeps else None
        pull = torch.cat(pulls) if wanted else None
        ctx.save_for_backward(hidden, weight, bias, targets, temperature, pull)
        entropy = torch.cat(entropies)
        ctx.mark_non_differentiable(entropy)
        return torch.cat(chosen), entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, bias, targets, temperature, pull = ctx.saved_tensors
        rate = gradients[0] / temperature * ctx.rule.factor
        to_hidden = (pull * rate[:, None]).to(hidden.dtype)
        if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return to_hidden, None, None, None, None, None
        to_weight = to_bias = None
        kept, ctx.rows = ctx.rows, None  # freed as soon as this call is over
        size = len(targets) if kept is not None else ctx.rule.size  # kept rows are one product
        with torch.autocast(hidden.device.type, enabled=False):
            pieces = _pieces(size, hidden, targets, temperature, rate)
            for h, target, temperatures, r in pieces:
                if kept is not None:
                    row = kept
                else:
                    row = weight.new_empty(len(h), weight.shape[0])
                    _fill(row, h, target, temperatures, weight, bias, ctx.rule, True)
                part = row.T @ (h * r[:, None]).to(row.dtype)
                if len(pieces) == 1:
                    to_weight = part
                else:  # in float32, so that sums over chunks are not rounded to bfloat16
                    to_weight = part.float() if to_weight is None else to_weight.add_(part)
                if bias is not None:
                    part = row.float().T @ r
                    to_bias = part if to_bias is None else to_bias.add_(part)
        assert to_weight is not None
        return (
            to_hidden,
            to_weight.to(weight.dtype) if ctx.needs_input_grad[1] else None,
            to_bias.to(bias.dtype) if to_bias is not None and ctx.needs_input_grad[2] else None,
            None,
            None,
            None,
        )


def _pieces(size: int, *tensors: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    return list(zip(*(t.split(size) for t in tensors), strict=True))


def _fill(
    rows: torch.Tensor,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    temperature: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    rule: LogitTransform,
    wanted: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probs and entropies of a chunk, [tokens] each.

    ``rows`` [tokens, vocabulary] is a buffer: it holds the logits first. If ``wanted``, it holds
    1(t) − p at the end, times the derivative of the bound.
    """
    h = hidden.to(weight.dtype)
    if bias is None:
        torch.mm(h, weight.T, out=rows)
    else:
        torch.addmm(bias, h, weight.T, out=rows)
    size = len(rows)
    if rows.device.type == "cpu":
        # Float32 logits in pieces that fit into the cache. A whole matrix of them would go through
        # memory, and touch fresh pages, once for every operation below.
        size = max(1, CACHE_BYTES // (4 * rows.shape[1]))
    chosen, entropies = [], []
    for part, target, temperatures in _pieces(size, rows, targets, temperature):
        logits = part.float()
        if rule.factor != 1.0:
            logits = logits * rule.factor
        if rule.cap is not None:
            logits = torch.tanh(logits / rule.cap) * rule.cap
        logprob, entropy, p = reduced(logits, target, temperatures)
        chosen.append(logprob)
        entropies.append(entropy)
        if wanted:
            row = p.neg_().scatter_add_(1, target[:, None], torch.ones_like(p[:, :1]))
            if rule.cap is not None:
                row.mul_(1 - (logits / rule.cap).square_())
            part.copy_(row)
    return torch.cat(chosen), torch.cat(entropies)
