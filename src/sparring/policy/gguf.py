"""Conversion of a GGUF file to an ordinary checkpoint: dequantised once, then trained like any
other.

    sparring model convert FILE.gguf --out DIR

`transformers` reads the tensors and the tokenizer, but counts the model as quantised and refuses to
save it. So the weights are copied into a plain model of the same configuration. Needs the package
``gguf`` (extra ``gguf``).
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sparring.errors import ModelError
from sparring.policy.saved import save_model
from sparring.text import error_line


def convert_gguf(file: Path, out: Path) -> int:
    """Convert ``file`` to a checkpoint in ``out``; return the number of parameters. Raises
    `ModelError`."""
    if not file.is_file():
        raise ModelError(f"{file}: there is no such file")
    if out.exists() and not out.is_dir():
        raise ModelError(f"{out}: this is a file; name a new directory")
    if out.exists() and any(out.iterdir()):
        raise ModelError(f"{out}: this directory is not empty; name a new directory")
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        read = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
    except ImportError:
        raise ModelError("reading GGUF needs the package gguf: pip install gguf") from None
    except Exception as error:  # noqa: BLE001  # errors of broken files have no common type
        raise ModelError(f"{file}: cannot be read: {error_line(error)}") from None
    config = read.config
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    if read.generation_config is not None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
    out.mkdir(parents=True, exist_ok=True)
    save_model(model, tokenizer, out)
    return sum(p.numel() for p in model.parameters())
