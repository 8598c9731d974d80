"""Loading of a causal language model with its tokenizer, with checks that it is one.

Weights are loaded as float32, whatever the checkpoint's data type, and saved as float32 (`saved`).
A model that computes in bfloat16 is cast once (`learner.masters`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.utils import logging as transformers_logging

from sparring.errors import ModelError
from sparring.policy.ends import add_end_tokens
from sparring.policy.place import find_model
from sparring.policy.precision import cast
from sparring.text import typed_error_line


def load_policy(name: str, end_tokens: Sequence[str], setting: str) -> tuple[PreTrainedModel, Any]:
    """Load the model ``name`` for sampling, and its tokenizer. ``end_tokens``, which the user named
    in the option ``setting``, are added to the model's own end tokens. Raises `ModelError`."""
    model, tokenizer = load_model(name)
    add_end_tokens(model, tokenizer, end_tokens, setting)
    check_causal(model)
    return model, tokenizer


def load_frozen(
    name: str,
    end_tokens: Sequence[str],
    setting: str,
    dtype: torch.dtype,
    device: torch.device | str | None,
) -> tuple[PreTrainedModel, Any]:
    """Load a model that never learns, and its tokenizer, as `load_policy` does. All weights are
    cast to ``dtype``, and moved to ``device``."""
    model, tokenizer = load_policy(name, end_tokens, setting)
    return cast(model, dtype).to(device), tokenizer


def load_model(name: str) -> tuple[PreTrainedModel, Any]:
    """Load model (float32, evaluation mode) and tokenizer from a directory or hub id.

    Code that comes with a model is never run. Raises `ModelError`.
    """
    transformers_logging.disable_progress_bar()
    path, tokenizer = find_model(name), load_tokenizer(name)
    with explained_loading(name):
        model, info = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )  # mismatched sizes are refused below, by name
    _check_weights(name, info)
    _check_ids(name, model, tokenizer)
    model.eval()
    return model, tokenizer


def load_tokenizer(name: str) -> Any:
    """Load the tokenizer alone. Raises `ModelError`."""
    with explained_loading(name):
        return AutoTokenizer.from_pretrained(find_model(name))


@contextlib.contextmanager
def explained_loading(name: str) -> Iterator[None]:
    """Turn any error of loading a checkpoint into a `ModelError` of one line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # errors of broken checkpoints have no common type
        what = typed_error_line(error)
        raise ModelError(f"{name}: cannot be loaded: {what}") from None


def _check_weights(path: str, info: dict[str, Any]) -> None:
    """Refuse a checkpoint that does not fit its model: missing weights would be random."""
    wrong = {
        "lacks": info["missing_keys"],
        "has another shape of": [k[0] for k in info["mismatched_keys"]],
        # Other unexpected weights may belong to heads for other tasks.
        "has layers that config.json does not count:": [
            k for k in info["unexpected_keys"] if re.search(r"\.(layers|h|blocks)\.\d+\.", k)
        ],
    }
    for what, names in wrong.items():
        if names:
            raise ModelError(
                f"{path}: the checkpoint {what} {sorted(names)[0]}"
                + (f" and {len(names) - 1} more" if len(names) > 1 else "")
                + "; its files do not belong together, or it is no causal language model"
            )


def _check_ids(path: str, model: PreTrainedModel, tokenizer: Any) -> None:
    """Refuse token ids that the model has no embedding for."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{path}: tokenizer and model do not belong together: the tokenizer has "
            f"{len(tokenizer)} tokens, the model {rows} embeddings"
        )
    config = model.generation_config
    ends = getattr(config, "eos_token_id", None)
    for end in ends if isinstance(ends, list) else [ends]:
        if end is not None and not (isinstance(end, int) and 0 <= end < rows):
            raise ModelError(
                f"{path}: eos_token_id {end!r} in generation_config.json is no token of the model"
            )


@torch.no_grad()
def check_causal(model: PreTrainedModel) -> None:
    """Raise `ModelError` if later tokens change earlier predictions, or if a layer's cache holds
    anything other than keys and values (state-space models, convolutions)."""
    layers = DynamicCache(config=model.config).layers
    if any(not hasattr(layer, "keys") for layer in layers):
        raise ModelError(
            f"{model.config.name_or_path or model.config.model_type}: this model has layers "
            "without keys and values; only models with attention in every layer are supported"
        )
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]], device=model.device)
    logits = model(input_ids=ids % model.get_input_embeddings().weight.shape[0]).logits[:, :3]
    if not torch.allclose(logits[0], logits[1], rtol=1e-3, atol=1e-3, equal_nan=True):
        raise ModelError(
            f"{model.config.name_or_path}: this model looks at later tokens to predict earlier "
            "ones; a causal language model is needed"
        )
