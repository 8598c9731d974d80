"""Preparation of a model for training: without dropout, with its adapters.

With dropout, the trainer's log-probs would not belong to the distribution that was sampled.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.policy.adapters import add_adapters, all_learn
from sparring.policy.settings import Adapters, ModelSettings
from sparring.text import error_line


def prepare_model(model: PreTrainedModel, settings: ModelSettings, seed: int) -> PreTrainedModel:
    """Return the model ready for training: without dropout, and with LoRA adapters if ``settings``
    asks for them.

    A new adapter changes nothing, because the second matrix of each pair is zero; ``seed``
    determines the first matrix of each pair. Raises `ModelError` for layers that cannot be adapted.
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
            with warnings.catch_warnings():
                # peft 0.21 asks the model by a name that transformers 5.23 has deprecated.
                warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
                model = add_adapters(model, config, settings.adapters is Adapters.PER_ROLE)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ModelError(f"model.lora_targets: {error_line(error)}") from None
        _check_adapted(model, targets)
        # peft keeps the names as a set, whose order differs between processes and would enter the
        # checkpoint.
        for own in model.peft_config.values():
            own.target_modules = sorted(own.target_modules)
    if settings.gradient_checkpointing:
        if settings.lora_rank:
            model.enable_input_require_grads()
        # transformers 6 drops the older name; older supported versions lack the newer one.
        enable = getattr(model, "activation_checkpointing_enable", None)
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
    model.eval()
    return model


def _without_dropout(model: PreTrainedModel) -> None:
    """Switch dropout off in all three places where models keep it: in modules, in attributes of
    modules, and in the configuration."""
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
    """Check that every target exists and that no tied embeddings are adapted: merging an adapter
    into tied embeddings would change the output matrix as well."""
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
def initial_weights(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """Switch an adapted model's adapter off for the block: the model then has its initial
    weights."""
    try:
        with model.disable_adapter():
            # peft disables the adapters' gradients in this block. Sharding chooses the data type of
            # gradients in the first pass, from the parameters that have them, so they stay enabled.
            all_learn(model)
            yield model
    finally:
        all_learn(model)


def is_adapted(model: PreTrainedModel) -> bool:
    """Return whether the model has a LoRA adapter."""
    return isinstance(model, PeftModel)


def is_checkpointing(model: PreTrainedModel) -> bool:
    """Return whether the model uses gradient checkpointing."""
    return any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
