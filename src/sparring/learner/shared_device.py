"""A GPU that the trainer shares with the run's vLLM server: each frees memory for the other."""

from __future__ import annotations

import gc

import torch


def give_back(device: torch.device) -> None:
    """Give memory that torch has cached but not in use back to ``device``."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
