"""Groups as tensors: prompts and responses as padded rows, and the same values flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sparring.learner.samples import Group


@dataclass(frozen=True, slots=True)
class Flat:
    """Values at every response token, the responses of the groups one after another: the token
    ``target``, the number of its response ``row``, its ``temperature``; [tokens] each."""

    target: torch.Tensor
    row: torch.Tensor
    temperature: torch.Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], device: torch.device) -> Flat:
        """Of every response of the groups, on ``device``."""
        lengths = torch.tensor([len(s.token_ids) for g in groups for s in g.samples])
        heat = torch.tensor([g.temperature for g in groups for _ in g.samples])
        ids = torch.tensor([t for g in groups for s in g.samples for t in s.token_ids])
        row = torch.arange(len(lengths)).repeat_interleave(lengths)
        return cls(ids.to(device), row.to(device), heat[row].to(device))


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
