"""A GPU that the trainer shares with the run's vLLM server: each frees memory for the other."""

from __future__ import annotations

import gc

import torch


def give_back(device: torch.device) -> None:
    """Return to ``device`` the memory that torch has cached and does not use."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
