"""Backend ``flex``: a prompt once and all its responses behind it, all groups in one sequence.

A response token sees its prompt and what came before it in its own response;
the mask says so, and positions count as if each response alone followed the
prompt. Nothing is computed twice. Torch's flex attention gets the mask as
blocks (`blocks`) and skips those in which nothing is seen: on CUDA, with
gradient checkpointing. It has no backward pass on a CPU.

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
    """A sequence [1, places]: token ``ids`` and the ``position`` of each in its text.

    A token of a response sees the places from ``prompt_start`` up to before
    ``prompt_end`` and those from ``own_start`` to itself. To a token of a
    prompt its own text is the prompt; padding sees itself alone. ``index``
    [tokens] is where each response token is predicted.
    """

    ids: torch.Tensor
    position: torch.Tensor
    prompt_start: torch.Tensor
    prompt_end: torch.Tensor
    own_start: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], device: torch.device) -> Packing:
        """Of all responses of the groups, filled up to whole blocks."""
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
        start = length.cumsum(0) - length  # of each text
        places = int(length.sum())
        width = -(-places // BLOCK) * BLOCK
        begin, end = start[prompt], start[prompt] + length[prompt]

        text = torch.arange(len(texts)).repeat_interleave(length)  # of each token
        offset = torch.arange(places) - start[text]
        behind = ~is_prompt[text]
        nothing, alone = torch.zeros(width, dtype=torch.long), torch.arange(width)

        def spread(values: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
            return torch.cat([values, padding[places:]])[None].to(device)

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
            index.to(device),
        )

    def visible(self, window: int | None) -> Visible:
        """The places that each place sees, at most ``window`` positions back."""
        prompt, own = self.prompt_start, self.own_start
        if window is not None:
            place = torch.arange(self.ids.shape[1], device=self.ids.device)
            own = own.maximum(place - window + 1)
            prompt = prompt.maximum(prompt + self.position - window + 1).minimum(self.prompt_end)
        return Visible(prompt, self.prompt_end, own)


def hidden_of_blocks(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], by flex attention, which
    has to be the model's ``attn_implementation``."""
    packing = Packing.of(groups, model.device)
    return hidden_of_packing(model, packing, lambda w: block_mask(packing.visible(w)))


def hidden_of_packing(
    model: PreTrainedModel, packing: Packing, mask: Callable[[int | None], Any]
) -> torch.Tensor:
    """The same of a sequence; ``mask`` makes what the model's attention takes, for a window or
    without one."""
    hidden = hidden_states(
        model,
        input_ids=packing.ids,
        attention_mask=_masks(model, mask),
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
