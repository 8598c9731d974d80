"""The reference of the KL term: computed once per update, offloaded in between.

The reference does not change, so its log-probs of a micro-batch are the same in every epoch. They
are computed before the first optimiser step. The reference's weights have to be on the device only
during that computation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from sparring.learner.samples import SampleGroup
from sparring.schema import Role

Key = tuple[tuple[Role, float, tuple[int, ...], tuple[tuple[int, ...], ...]], ...]


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy of ``model`` that never learns: the reference of the KL term."""
    reference = copy.deepcopy(model)
    reference.requires_grad_(False)
    reference.eval()
    return reference


class FixedLogprobs:
    """Log-probs by micro-batch.

    The key holds the micro-batch's prompts and responses in the order of its rows, so that the
    stored values equal, to the bit, what the same pass would compute again.
    """

    def __init__(self) -> None:
        self._logprobs: dict[Key, torch.Tensor] = {}

    def __contains__(self, batch: Sequence[SampleGroup]) -> bool:
        return _key(batch) in self._logprobs

    def __getitem__(self, batch: Sequence[SampleGroup]) -> torch.Tensor:
        return self._logprobs[_key(batch)]

    def __setitem__(self, batch: Sequence[SampleGroup], logprobs: torch.Tensor) -> None:
        self._logprobs[_key(batch)] = logprobs

    def clear(self) -> None:
        """Drop all log-probs at the end of an update."""
        self._logprobs.clear()


def _key(batch: Sequence[SampleGroup]) -> Key:
    return tuple(
        (g.role, g.temperature, g.prompt_ids, tuple(s.token_ids for s in g.samples)) for g in batch
    )


@contextmanager
def visiting(model: PreTrainedModel, device: torch.device) -> Iterator[PreTrainedModel]:
    """Move the model to ``device`` for the block, and back to its own device afterwards."""
    home = model.device
    if home == device:
        yield model
        return
    try:
        yield model.to(device)
    finally:
        model.to(home)
