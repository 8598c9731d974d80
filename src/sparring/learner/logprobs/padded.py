"""Backend ``padded``: every response carries its prompt, as one right-padded batch.

The plain way, and the only one that asks nothing of a model: no cache, no mask
of its own. Each prompt is computed as often as it has responses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from sparring.learner.logprobs.head import hidden_states
from sparring.learner.samples import Group


def left_padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [rows, longest]; what pads stands before."""
    width = max(len(ids) for ids in rows)
    ids = torch.tensor([[0] * (width - len(r)) + list(r) for r in rows])
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
    return ids, mask


def right_padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [rows, longest]; what pads stands after."""
    width = max(len(ids) for ids in rows)
    ids = torch.tensor([list(r) + [0] * (width - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
    return ids, mask


def hidden_of_rows(model: PreTrainedModel, groups: Sequence[Group]) -> torch.Tensor:
    """The hidden states that predict each response token [tokens, width], in order."""
    rows = [(g.prompt_ids, s.token_ids) for g in groups for s in g.samples]
    # The last token is predicted and predicts nothing.
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
