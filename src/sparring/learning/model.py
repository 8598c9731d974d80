"""Loading and saving a causal language model with its tokenizer."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from sparring.errors import ModelError

_LEFT_OVER = 1 << 20
"""A disk with fewer bytes than this is full."""


def load_model(path: str) -> tuple[PreTrainedModel, Any]:
    """Model (float32, evaluation mode) and tokenizer of a directory or hub id.

    Code that comes with a model is never run. Raises `ModelError`.
    """
    transformers_logging.disable_progress_bar()
    local = Path(path)
    if local.is_dir() and not (local / "config.json").exists():
        raise ModelError(f"{path}: no config.json; name the directory of a transformers checkpoint")
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: no usable tokenizer: {_first_line(error)}") from None
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot load the model: {_first_line(error)}") from None
    model.eval()
    return model, tokenizer


def load_weights(model: PreTrainedModel, path: Path) -> None:
    """Put a checkpoint's weights into ``model``, in place."""
    saved, _ = load_model(str(path))
    model.load_state_dict(saved.state_dict())


def save_model(model: PreTrainedModel, tokenizer: Any, path: Path) -> None:
    """Save as a checkpoint that `transformers` and vLLM load as it is. Raises OSError."""
    transformers_logging.disable_progress_bar()
    with _failing_as_files_do(path):
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)


def save_state(state: dict[str, Any], path: Path) -> None:
    """Save tensors by name, for `torch.load` with ``weights_only``. Raises OSError."""
    with _failing_as_files_do(path.parent):
        torch.save(state, path)


@contextlib.contextmanager
def _failing_as_files_do(path: Path) -> Iterator[None]:
    """safetensors and torch report a failed write as errors of their own: say OSError."""
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        full = shutil.disk_usage(path).free < _LEFT_OVER
        code = errno.ENOSPC if full or "No space left" in str(error) else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
