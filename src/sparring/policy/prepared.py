"""A model made ready to learn: without dropout, with its adapters.

With dropout, the log-probs of training would not be those of the distribution
that was sampled.
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
