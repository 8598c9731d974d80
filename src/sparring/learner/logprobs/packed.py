"""Backend ``flex``: all groups in one sequence, each prompt once and its responses after it.

A mask lets a response token attend to its prompt and to the earlier tokens of its own response.
Positions count as if each response alone followed the prompt. Nothing is computed twice. Torch's
flex attention takes the mask as blocks (`blocks`) and skips blocks without a visible pair.
The backend needs CUDA, since flex attention has no backward pass on a CPU, and works with gradient
checkpointing.

A *place* is an index in the sequence; a *position* is an index in a text of prompt and response.
Sliding windows count positions. Models whose attention does not go by position (ALiBi, chunked
attention) cannot use this backend; the trial in `backend` detects such models.
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
from sparring.learner.samples import SampleGroup

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Packing:
    """Packed sequence of groups; [1, places] each, except ``index``.

    ``ids`` are the tokens and ``position`` their positions. A response token attends to the places
    from ``prompt_start`` up to but not including ``prompt_end``, and from ``own_start`` to itself.
    A prompt token has an empty prompt interval, and its own text is the prompt. Padding attends to
    itself alone. ``index`` [tokens] is the place that predicts each response token.
    """

    ids: torch.Tensor
    position: torch.Tensor
    prompt_start: torch.Tensor
    prompt_end: torch.Tensor
    own_start: torch.Tensor
    index: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[SampleGroup], device: torch.device) -> Packing:
        """Pack all responses of the groups, with padding up to a multiple of the block."""
        # Texts in order: a group's prompt, then its responses without their last token, which is
        # predicted but predicts nothing.
        texts = [
            text for g in groups for text in (g.prompt_ids, *(s.token_ids[:-1] for s in g.samples))
        ]
        length = torch.tensor([len(text) for text in texts])
        texts_of = torch.tensor([1 + len(g.samples) for g in groups])
        first = texts_of.cumsum(0) - texts_of  # index of each group's prompt among the texts
        is_prompt = torch.zeros(len(texts), dtype=torch.bool)
        is_prompt[first] = True
        prompt = first.repeat_interleave(texts_of)  # by text: index of its prompt
        start = length.cumsum(0) - length  # by text: its first place
        places = int(length.sum())
        width = -(-places // BLOCK) * BLOCK
        begin, end = start[prompt], start[prompt] + length[prompt]

        text = torch.arange(len(texts)).repeat_interleave(length)  # by token: index of its text
        offset = torch.arange(places) - start[text]
        after_prompt = ~is_prompt[text]  # by token: whether a prompt stands before its text
        zeros, itself = torch.zeros(width, dtype=torch.long), torch.arange(width)

        def spread(values: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
            return torch.cat([values, padding[places:]])[None].to(device)

        ids = torch.tensor([t for text in texts for t in text])
        # A prompt's last place predicts the first token of each response; the places of a response
        # predict the others.
        count = (length + 1)[~is_prompt]
        answer = torch.arange(len(count)).repeat_interleave(count)
        number = torch.arange(len(answer)) - (count.cumsum(0) - count)[answer]
        within = start[~is_prompt][answer] + number - 1
        index = torch.where(number == 0, end[~is_prompt][answer] - 1, within)
        return cls(
            spread(ids, zeros),
            spread(offset + after_prompt * length[prompt][text], zeros),
            spread(after_prompt * begin[text], zeros),
            spread(after_prompt * end[text], zeros),
            spread(start[text], itself),
            index.to(device),
        )

    def visible(self, window: int | None) -> Visible:
        """Return the places that each place attends to, at most ``window`` positions back (None:
        without a limit)."""
        prompt, own = self.prompt_start, self.own_start
        if window is not None:
            place = torch.arange(self.ids.shape[1], device=self.ids.device)
            own = own.maximum(place - window + 1)
            prompt = prompt.maximum(prompt + self.position - window + 1).minimum(self.prompt_end)
        return Visible(prompt, self.prompt_end, own)


def hidden_of_blocks(model: PreTrainedModel, groups: Sequence[SampleGroup]) -> torch.Tensor:
    """Return the hidden state that predicts each response token [tokens, width]. The model's
    ``attn_implementation`` has to be flex attention."""
    packing = Packing.of(groups, model.device)
    return hidden_of_packing(model, packing, lambda w: block_mask(packing.visible(w)))


def hidden_of_packing(
    model: PreTrainedModel, packing: Packing, mask: Callable[[int | None], Any]
) -> torch.Tensor:
    """Return the hidden state that predicts each response token of ``packing`` [tokens, width].
    ``mask`` makes the mask that the model's attention takes, for a sliding window or for None."""
    hidden = hidden_states(
        model,
        input_ids=packing.ids,
        attention_mask=_masks(model, mask),
        position_ids=packing.position,
        use_cache=False,
    )
    return hidden.flatten(0, 1).index_select(0, packing.index)


def _masks(model: PreTrainedModel, make: Callable[[int | None], Any]) -> Any:
    """Return the mask, or a mask for each kind of layer, in the form that `transformers` takes."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # every layer alike, with a window or without
        return make(window)
    if other := set(kinds) - {FULL, SLIDING}:
        raise ModelError(
            f"{config.model_type} has layers of {sorted(other)[0]}, which flex attention cannot "
            "compute"
        )
    if SLIDING not in kinds:
        return make(None)
    return {kind: make(window if kind == SLIDING else None) for kind in (FULL, SLIDING)}
