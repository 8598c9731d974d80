"""Backend ``padded``: one right-padded batch, in which every response carries its prompt.

This is the only backend without requirements on a model: it needs neither a cache nor a special
mask. A prompt is computed once for each of its responses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from sparring.learner.logprobs.head import hidden_states
from sparring.learner.samples import SampleGroup


def left_padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and mask [rows, longest row], with the padding on the left."""
    width = max(len(ids) for ids in rows)
    ids = torch.tensor([[0] * (width - len(r)) + list(r) for r in rows])
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
    return ids, mask


def right_padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and mask [rows, longest row], with the padding on the right."""
    width = max(len(ids) for ids in rows)
    ids = torch.tensor([list(r) + [0] * (width - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
    return ids, mask


def hidden_of_rows(model: PreTrainedModel, groups: Sequence[SampleGroup]) -> torch.Tensor:
    """Return the hidden state that predicts each response token [tokens, width], in order."""
    rows = [(g.prompt_ids, s.token_ids) for g in groups for s in g.samples]
    # The last token is predicted but predicts nothing.
    ids, mask = right_padded([prompt + response[:-1] for prompt, response in rows])
    width = ids.shape[1]
    index = torch.cat(
        [
            torch.arange(len(response)) + i * width + len(prompt) - 1
            for i, (prompt, response) in enumerate(rows)
        ]
    )
    mask = mask.to(model.device)
    hidden = hidden_states(
        model,
        input_ids=ids.to(model.device),
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
    )
    return hidden.flatten(0, 1).index_select(0, index.to(hidden.device))
