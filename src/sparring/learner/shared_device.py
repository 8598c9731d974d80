"""A GPU that the trainer shares with a server of ours: what one frees, the other can have."""

from __future__ import annotations

import gc

import torch


def give_back(device: torch.device) -> None:
    """Return memory that is free, and that torch keeps for later, to ``device``."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
