"""Backends ``packed`` and ``flex``: a prompt once and all its responses behind it, in one sequence.

A response token sees its prompt and what came before it in its own response;
the mask says so, and positions count as if each response alone followed the
prompt. Nothing is computed twice and nothing is padded, but a dense mask makes
attention compute every pair: ``packed``, one sequence per group, is what other
backends are tested against. ``flex`` gives the mask to torch's flex attention
as blocks (`blocks`), which skips those in which nothing is seen: all groups in
one sequence, on CUDA, with gradient checkpointing. It has no backward pass on
a CPU.

Sliding windows count positions, not places in the sequence. Models whose
attention is not by position (ALiBi, chunks) cannot do this: `backend` finds
them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learner.logprobs.blocks import BLOCK, Visible, block_mask
from sparring.learner.logprobs.head import hidden_states
from sparring.learner.samples import Group

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Packing:
    """Sequences [rows, places]: token ``ids`` and the ``position`` of each in its text.

    A token of a response sees the places from ``prompt_start`` up to before
    ``prompt_end`` and those from ``own_start`` to itself. To a token of a
    prompt its own text is the prompt; padding sees itself alone. ``index``
    [tokens] is where each response token is predicted, counted through all
    rows.
    """

    ids: torch.Tensor
    position: torch.Tensor
    prompt_start: torch.Tensor
    prompt_end: torch.Tensor
    own_start: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], together: bool, device: torch.device) -> Packing:
        """A row for each group, or all ``together`` in one that is filled up to whole blocks."""
        # Texts in order: a group's prompt, then its responses without their last token, which is
        # predicted and predicts nothing.
        texts = [
            text for g in groups for text in (g.prompt_ids, *(s.token_ids[:-1] for s in g.samples))
        ]
        length = torch.tensor([len(text) for text in texts])
        texts_of = torch.tensor([1 + len(g.samples) for g in groups])
        first = texts_of.cumsum(0) - texts_of  # each group's prompt among the texts
        is_prompt = torch.zeros(len(texts), dtype=torch.bool)
        is_prompt[first] = True
        prompt = first.repeat_interleave(texts_of)  # of each text
        start = length.cumsum(0) - length  # of each text in its row
        size = torch.zeros(len(groups), dtype=torch.long)
        size.index_add_(0, torch.arange(len(groups)).repeat_interleave(texts_of), length)
        width = int(size.sum()) if together else int(size.max())
        if together:
            width = -(-width // BLOCK) * BLOCK
            row = torch.zeros(len(texts), dtype=torch.long)
        else:
            start = start - start[prompt]
            row = torch.arange(len(groups)).repeat_interleave(texts_of)
        begin, end = start[prompt], start[prompt] + length[prompt]

        text = torch.arange(len(texts)).repeat_interleave(length)  # of each token
        offset = torch.arange(len(text)) - (length.cumsum(0) - length)[text]
        place = (row * width + start)[text] + offset
        behind = ~is_prompt[text]
        rows = 1 if together else len(groups)
        alone = torch.arange(width).repeat(rows)

        def spread(values: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
            return padding.index_copy(0, place, values).view(rows, width).to(device)

        nothing = torch.zeros(rows * width, dtype=torch.long)
        ids = torch.tensor([t for text in texts for t in text])
        # A response of n tokens: the first is predicted at its prompt's end, the others within it.
        count = (length + 1)[~is_prompt]
        answer = torch.arange(len(count)).repeat_interleave(count)
        number = torch.arange(len(answer)) - (count.cumsum(0) - count)[answer]
        within = start[~is_prompt][answer] + number - 1
        index = torch.where(number == 0, end[~is_prompt][answer] - 1, within)
        return cls(
            spread(ids, nothing),
            spread(offset + behind * length[prompt][text], nothing),
            spread(behind * begin[text], nothing),
            spread(behind * end[text], nothing),
            spread(start[text], alone),
            (index + row[~is_prompt][answer] * width).to(device),
        )

    def visible(self, window: int | None) -> Visible:
        """The places that each place sees, at most ``window`` positions back."""
        prompt, own = self.prompt_start, self.own_start
        if window is not None:
            place = torch.arange(self.ids.shape[1], device=self.ids.device)
            own = own.maximum(place - window + 1)
            prompt = prompt.maximum(prompt + self.position - window + 1).minimum(self.prompt_end)
        return Visible(prompt, self.prompt_end, own)


def hidden_of_packed(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], by a dense mask."""
    packing = Packing.of(groups, together=False, device=model.device)

    def dense(window: int | None) -> torch.Tensor:
        seen = packing.visible(window).dense()
        if model.config.get_text_config()._attn_implementation != "eager":
            return seen[:, None]
        least = torch.finfo(model.dtype).min  # what the eager forms add to the scores
        return torch.zeros_like(seen, dtype=model.dtype).masked_fill(~seen, least)[:, None]

    return _hidden(model, packing, _masks(model, dense))


def hidden_of_blocks(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The same by flex attention, which has to be the model's ``attn_implementation``."""
    packing = Packing.of(groups, together=True, device=model.device)
    return _hidden(model, packing, _masks(model, lambda w: block_mask(packing.visible(w))))


def _hidden(model: PreTrainedModel, packing: Packing, masks: Any) -> torch.Tensor:
    hidden = hidden_states(
        model,
        input_ids=packing.ids,
        attention_mask=masks,
        position_ids=packing.position,
        use_cache=False,
    )
    return hidden.flatten(0, 1).index_select(0, packing.index)


def _masks(model: PreTrainedModel, make: Callable[[int | None], Any]) -> Any:
    """The mask, or one for each kind of layer, as `transformers` takes them."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # every layer alike, with a window or without
        return make(window)
    if other := set(kinds) - {FULL, SLIDING}:
        raise ModelError(
            f"{config.model_type} has layers of {sorted(other)[0]}, which cannot be packed"
        )
    if SLIDING not in kinds:
        return make(None)
    return {kind: make(window if kind == SLIDING else None) for kind in (FULL, SLIDING)}
