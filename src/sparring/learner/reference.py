"""The reference of the KL term: its log-probs once per update, its weights where there is room.

The reference does not change, so its log-probs of a micro-batch are the same
in every epoch: they are computed before the first optimiser step, which is
also the only time that its weights have to be on the device.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from sparring.learner.samples import Group
from sparring.schema import Role

Key = tuple[tuple[Role, float, tuple[int, ...], tuple[tuple[int, ...], ...]], ...]


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """A copy that never changes: the reference of the KL term."""
    reference = copy.deepcopy(model)
    reference.requires_grad_(False)
    reference.eval()
    return reference


class FixedLogprobs:
    """Log-probs by micro-batch: by what was sampled in it, in the order of its rows, so that what
    is found is what would be computed again, to the bit."""

    def __init__(self) -> None:
        self._found: dict[Key, torch.Tensor] = {}

    def __contains__(self, batch: Sequence[Group]) -> bool:
        return _key(batch) in self._found

    def __getitem__(self, batch: Sequence[Group]) -> torch.Tensor:
        return self._found[_key(batch)]

    def __setitem__(self, batch: Sequence[Group], logprobs: torch.Tensor) -> None:
        self._found[_key(batch)] = logprobs

    def clear(self) -> None:
        """Forget all: the update is over."""
        self._found.clear()


def _key(batch: Sequence[Group]) -> Key:
    return tuple(
        (g.role, g.temperature, g.prompt_ids, tuple(s.token_ids for s in g.samples)) for g in batch
    )


@contextmanager
def visiting(model: PreTrainedModel, device: torch.device) -> Iterator[PreTrainedModel]:
    """The model on ``device``, and back where it was afterwards."""
    home = model.device
    if home == device:
        yield model
        return
    try:
        yield model.to(device)
    finally:
        model.to(home)
