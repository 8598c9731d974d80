"""Loading, preparing and saving a causal language model with its tokenizer.

Weights are loaded as float32, whatever the checkpoint has, and saved as it;
what computes in bfloat16 is cast once (`masters`). Dropout is switched off:
with it, the log-probs of training would not be those of the distribution that
was sampled.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.utils import logging as transformers_logging

from sparring.errors import ModelError
from sparring.policy.adapters import add_adapters, all_learn, has_role_adapters
from sparring.policy.ends import add_end_tokens
from sparring.policy.place import find_model
from sparring.policy.precision import cast
from sparring.policy.settings import Adapters, ModelSettings
from sparring.schema import Role
from sparring.text import error_line, typed_error_line

_LEFT_OVER = 1 << 20
"""A disk with fewer bytes than this is full."""
ADAPTER = "adapter"
"""Directory of a checkpoint that holds the LoRA adapter, or one directory for each role's."""


def load_policy(name: str, end_tokens: Sequence[str], setting: str) -> tuple[PreTrainedModel, Any]:
    """The model of that name, with which responses can be sampled, and its tokenizer. The tokens
    ``end_tokens``, which the user has given by ``setting``, end responses as well as its own do.
    Raises `ModelError`."""
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
    """The same of one that never learns: all its weights are of the type it computes in."""
    model, tokenizer = load_policy(name, end_tokens, setting)
    return cast(model, dtype).to(device), tokenizer


def load_model(name: str) -> tuple[PreTrainedModel, Any]:
    """Model (float32, evaluation mode) and tokenizer of a directory or hub id, as they are.

    Code that comes with a model is never run. Raises `ModelError`.
    """
    transformers_logging.disable_progress_bar()
    path, tokenizer = find_model(name), load_tokenizer(name)
    with explained_loading(name):
        model, found = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )  # mismatched sizes are refused below, by name
    _check_weights(name, found)
    _check_ids(name, model, tokenizer)
    model.eval()
    return model, tokenizer


def load_tokenizer(name: str) -> Any:
    """The tokenizer alone. Raises `ModelError`."""
    with explained_loading(name):
        return AutoTokenizer.from_pretrained(find_model(name))


@contextlib.contextmanager
def explained_loading(name: str) -> Iterator[None]:
    """What a broken checkpoint raises, which has no common type, is a `ModelError` of one line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # see above
        what = typed_error_line(error)
        raise ModelError(f"{name}: cannot be loaded: {what}") from None


def _check_weights(path: str, found: dict[str, Any]) -> None:
    """Refuse a checkpoint that does not hold the model: what is missing would be random."""
    wrong = {
        "lacks": found["missing_keys"],
        "has another shape of": [k[0] for k in found["mismatched_keys"]],
        # Others may be there for good reason: parts that are for other tasks.
        "has layers that config.json does not count:": [
            k for k in found["unexpected_keys"] if re.search(r"\.(layers|h|blocks)\.\d+\.", k)
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
            f"{path}: the tokenizer has {len(tokenizer)} tokens, the model embeds {rows}; "
            "they do not belong together"
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
    """Raise `ModelError` if what comes later changes what was predicted before, or if a layer keeps
    something other than keys and values (state-space models, convolutions)."""
    layers = DynamicCache(config=model.config).layers
    if any(not hasattr(layer, "keys") for layer in layers):
        raise ModelError(
            f"{model.config.name_or_path or model.config.model_type}: has layers without keys and "
            "values; models with attention in every layer are supported"
        )
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]], device=model.device)
    logits = model(input_ids=ids % model.get_input_embeddings().weight.shape[0]).logits[:, :3]
    if not torch.allclose(logits[0], logits[1], rtol=1e-3, atol=1e-3, equal_nan=True):
        raise ModelError(
            f"{model.config.name_or_path}: looks at later tokens to predict earlier ones; "
            "a causal language model is needed"
        )


def prepare_model(model: PreTrainedModel, settings: ModelSettings, seed: int) -> PreTrainedModel:
    """The model ready to learn: without dropout, with a LoRA adapter, or one per role, if wanted.

    An adapter starts as the identity: its second matrices are zero.
    """
    _without_dropout(model)
    if settings.lora_rank:
        torch.manual_seed(seed)
        targets: Any = list(settings.lora_targets)
        config = LoraConfig(
            r=settings.lora_rank,
            lora_alpha=settings.lora_alpha,
            target_modules=targets[0] if targets == ["all-linear"] else targets,
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )
        try:
            with warnings.catch_warnings():  # peft asks transformers by names that will go
                warnings.simplefilter("ignore", FutureWarning)
                model = add_adapters(model, config, settings.adapters is Adapters.PER_ROLE)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ModelError(f"model.lora_targets: {error_line(error)}") from None
        _check_adapted(model, targets)
        # peft makes a set of the names; in its order, which differs from one process to the next,
        # they would be in the checkpoint.
        for made in model.peft_config.values():
            made.target_modules = sorted(made.target_modules)
    if settings.gradient_checkpointing:
        if settings.lora_rank:
            model.enable_input_require_grads()
        # The older name goes in transformers 6; the newer is not in all versions that will do.
        enable = getattr(model, "activation_checkpointing_enable", None)
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
    model.eval()
    return model


def _without_dropout(model: PreTrainedModel) -> None:
    """Wherever models keep it: in modules, in attributes of modules, in the configuration."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
    for name, value in vars(model.config).items():
        if "drop" in name and isinstance(value, float):
            setattr(model.config, name, 0.0)


def _check_adapted(model: PreTrainedModel, targets: list[str]) -> None:
    """Every target has been found, and none is a matrix that is used twice: merging an adapter
    into tied embeddings would change the other use of them as well."""
    adapted = [n for n, m in model.named_modules() if isinstance(m, BaseTunerLayer)]
    for target in targets:
        if target != "all-linear" and not any(f".{n}".endswith(f".{target}") for n in adapted):
            raise ModelError(f"model.lora_targets: the model has no layer {target}")
    tied = getattr(model.config, "tie_word_embeddings", False)
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    if tied and any(isinstance(end, BaseTunerLayer) for end in ends):
        raise ModelError(
            "model.lora_targets: this model's embeddings are also its output matrix (tied); "
            "adapt other layers"
        )


@contextlib.contextmanager
def start_weights(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """An adapted model as it was before its adapter."""
    try:
        with model.disable_adapter():
            # peft says that nothing learns in here. Sharded weights look once, in the first pass,
            # at what learns, and choose the type of its gradients by that.
            all_learn(model)
            yield model
    finally:
        all_learn(model)


def is_adapted(model: PreTrainedModel) -> bool:
    """Whether the model learns by a LoRA adapter."""
    return isinstance(model, PeftModel)


def is_checkpointing(model: PreTrainedModel) -> bool:
    """Whether the model computes activations again on the way back."""
    return any(getattr(m, "gradient_checkpointing", False) for m in model.modules())


def load_weights(model: PreTrainedModel, path: Path) -> None:
    """Put a checkpoint's weights into ``model``, in place."""
    if has_role_adapters(model):
        for role in Role:
            saved = load_file(path / ADAPTER / role / "adapter_model.safetensors")
            set_peft_model_state_dict(model, saved, adapter_name=role.value)
        return
    if is_adapted(model):
        set_peft_model_state_dict(model, load_file(path / ADAPTER / "adapter_model.safetensors"))
        return
    saved, _ = load_model(str(path))
    model.load_state_dict(saved.state_dict())


def saved_weights(model: PreTrainedModel, path: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's weights that learn, under the names that they have in ``model``."""
    if not is_adapted(model):
        saved, _ = load_model(str(path))
        return dict(saved.named_parameters())
    found: dict[str, torch.Tensor] = {}
    for name in model.peft_config:
        place = path / ADAPTER / name if has_role_adapters(model) else path / ADAPTER
        for key, value in load_file(place / "adapter_model.safetensors").items():
            # peft leaves the adapter's name out: lora_A.weight for lora_A.default.weight
            found[re.sub(r"(\.lora_\w+)", rf"\1.{name}", key)] = value
    return found


def save_model(model: PreTrainedModel, tokenizer: Any, path: Path) -> None:
    """Save as a checkpoint that `transformers` and vLLM load as it is. Raises OSError.

    An adapter is saved beside the model that has it merged; with one per
    role there are two such models, in directories named after the roles.
    Merging happens on a copy, because taking it out again would not give the
    same weights.
    """
    with quietly_saving(path):
        if is_adapted(model):
            model.save_pretrained(path / ADAPTER)
        if has_role_adapters(model):
            places: dict[Path, list[str] | None] = {path / r: [r.value] for r in Role}
        else:
            places = {path: None}
        for place, adapters in places.items():
            whole = model
            if is_adapted(model):
                whole = _float32_copy(model).merge_and_unload(adapter_names=adapters)
            whole.save_pretrained(place)
            tokenizer.save_pretrained(place)


def _float32_copy(model: PreTrainedModel) -> PreTrainedModel:
    """A copy on the CPU, whose weights are float32: in bfloat16 a merged adapter would be rounded
    away."""
    memo: dict[int, Any] = {
        id(p): torch.nn.Parameter(p.detach().to("cpu", torch.float32, copy=True), p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, memo).to("cpu")


def save_state(state: dict[str, Any], path: Path) -> None:
    """Save tensors by name, for `torch.load` with ``weights_only``. Raises OSError."""
    with quietly_saving(path.parent):
        torch.save(state, path)


@contextlib.contextmanager
def quietly_saving(path: Path) -> Iterator[None]:
    """No progress bars; and what safetensors and torch report of a failed write as errors of their
    own is an OSError."""
    transformers_logging.disable_progress_bar()
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        full = shutil.disk_usage(path).free < _LEFT_OVER
        code = errno.ENOSPC if full or "No space left" in str(error) else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from error
