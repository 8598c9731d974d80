"""Backends ``packed`` and ``flex``: a prompt once and all its responses behind it, in one sequence.

A response token sees its prompt and what came before it in its own response;
the mask says so, and positions count as if each response alone followed the
prompt. Nothing is computed twice and nothing is padded, but a dense mask makes
attention compute every pair: ``packed``, one sequence per group, is what other
backends are tested against. ``flex`` gives the mask to torch's flex attention,
which skips the blocks in which nothing is seen: all groups in one sequence, on
CUDA, with gradient checkpointing. It has no backward pass on a CPU.

Sliding windows count positions, not places in the sequence. Models whose
attention is not by position (ALiBi, chunks) cannot do this: `backend` finds
them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.flex_attention import create_block_mask
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learning.head import hidden_states
from sparring.learning.samples import Group

BLOCK = 128
"""Flex attention works in blocks of so many positions."""
FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Packing:
    """Sequences [rows, positions]: ``ids``, ``position``, the ``group`` (-1: padding), and the
    ``response`` within it (-1: the prompt). ``index`` [tokens] is where each response token is
    predicted, counted through all rows."""

    ids: torch.Tensor
    position: torch.Tensor
    group: torch.Tensor
    response: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], together: bool, device: torch.device) -> Packing:
        """A row for each group, or all ``together`` in one that is filled up to whole blocks."""
        rows: list[list[tuple[int, int, int, int]]] = [[]]
        places: list[list[int]] = [[]]
        for number, g in enumerate(groups):
            if number and not together:
                rows.append([])
                places.append([])
            row, place = rows[-1], places[-1]
            row += [(t, p, number, -1) for p, t in enumerate(g.prompt_ids)]
            last = len(row) - 1
            for n, sample in enumerate(g.samples):
                before = sample.token_ids[:-1]  # the last one is predicted and predicts nothing
                place += [last, *range(len(row), len(row) + len(before))]
                start = len(g.prompt_ids)
                row += [(t, start + p, number, n) for p, t in enumerate(before)]
        width = max(len(row) for row in rows)
        if together:
            width = -(-width // BLOCK) * BLOCK
        filled = [row + [(0, 0, -1, -1)] * (width - len(row)) for row in rows]
        index = [i + n * width for n, place in enumerate(places) for i in place]
        ids, position, group, response = torch.tensor(filled, device=device).unbind(-1)
        return cls(ids, position, group, response, torch.tensor(index, device=device))


def hidden_of_packed(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], by a dense mask."""
    packing = Packing.of(groups, together=False, device=model.device)
    length = packing.ids.shape[1]
    row = torch.arange(len(packing.ids), device=model.device)[:, None, None]
    place = torch.arange(length, device=model.device)

    def dense(window: int | None) -> torch.Tensor:
        seen = _visible(packing, window)(row, 0, place[None, :, None], place[None, None, :])
        if model.config.get_text_config()._attn_implementation != "eager":
            return seen[:, None]
        least = torch.finfo(torch.float32).min  # what the eager forms add to the scores
        return torch.zeros(seen.shape, device=model.device).masked_fill(~seen, least)[:, None]

    return _hidden(model, packing, _masks(model, dense))


def hidden_of_blocks(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The same by flex attention, which has to be the model's ``attn_implementation``."""
    packing = Packing.of(groups, together=True, device=model.device)
    length = packing.ids.shape[1]

    def sparse(window: int | None) -> Any:
        return create_block_mask(
            _visible(packing, window), 1, None, length, length, device=str(model.device)
        )

    return _hidden(model, packing, _masks(model, sparse))


def _hidden(model: PreTrainedModel, packing: Packing, masks: Any) -> torch.Tensor:
    hidden = hidden_states(
        model,
        input_ids=packing.ids,
        attention_mask=masks,
        position_ids=packing.position,
        use_cache=False,
    )
    return hidden.flatten(0, 1).index_select(0, packing.index)


def _visible(packing: Packing, window: int | None) -> Callable[..., torch.Tensor]:
    """Whether the token at one place sees that at another, in flex attention's form: (row, head,
    place of the query, place of the key). Padding sees itself, so that no row is empty."""
    position, group, response = packing.position, packing.group, packing.response

    def seen(row: Any, head: Any, query: Any, key: Any) -> torch.Tensor:
        own = (response[row, key] < 0) | (response[row, key] == response[row, query])
        found = (group[row, key] == group[row, query]) & own & (key <= query)
        if window is not None:
            found = found & (position[row, query] - position[row, key] < window)
        return found  # type: ignore[no-any-return]  # of indices without a type

    return seen


def _masks(model: PreTrainedModel, make: Callable[[int | None], Any]) -> Any:
    """The mask, or one for each kind of layer, as `transformers` takes them."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # every layer alike, with a window or without
        return make(window)
    if other := set(kinds) - {FULL, SLIDING}:
        raise ModelError(
            f"{config.model_type}: layers of {sorted(other)[0]} cannot be packed: set "
            "learning.backend = padded"
        )
    if SLIDING not in kinds:
        return make(None)
    return {kind: make(window if kind == SLIDING else None) for kind in (FULL, SLIDING)}
