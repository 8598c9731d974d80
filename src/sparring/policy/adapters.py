"""LoRA adapters of the roles on one base model: selecting the active one, and letting all learn.

`peft` disables the gradients of every adapter except the active one, and does so again whenever
adapters are switched off and on. Here both roles share an optimiser, a gradient norm and a
checkpoint, so all adapters keep their gradients. A gradient reaches the adapter that was active in
the forward pass.

For a model with one adapter for both roles, or without an adapter, these functions change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from sparring.schema import Role


def add_adapters(model: PreTrainedModel, config: LoraConfig, per_role: bool) -> PreTrainedModel:
    """Return ``model`` with one new adapter, or with one for each role, named after the role."""
    names = [role.value for role in Role] if per_role else ["default"]
    adapted = get_peft_model(model, config, adapter_name=names[0])
    for name in names[1:]:
        adapted.add_adapter(name, config)
    for own in adapted.peft_config.values():
        # peft keeps a set, whose order differs between processes and would enter checkpoints.
        if isinstance(own.target_modules, set):
            own.target_modules = sorted(own.target_modules)
    all_learn(adapted)
    return adapted


def inner_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return the base model of an adapted model; a model without adapter is returned as it is."""
    base: PreTrainedModel = getattr(model, "get_base_model", lambda: model)()
    return base


def decoder_of(model: PreTrainedModel) -> torch.nn.Module:
    """Return the module that computes hidden states from token ids."""
    base: Any = inner_model(model)
    own = base.get_decoder()
    decoder: torch.nn.Module = base.model if own is base else own  # Llama 4 returns itself
    return decoder


def has_role_adapters(model: PreTrainedModel) -> bool:
    """Return whether each role has an adapter of its own."""
    return isinstance(model, PeftModel) and Role.CODER.value in model.peft_config


def all_learn(model: PreTrainedModel) -> None:
    """Enable the gradients of all adapters, active or not."""
    if isinstance(model, PeftModel):
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.requires_grad_(True)


def activate(model: PreTrainedModel, roles: Iterable[Role]) -> None:
    """Activate the adapter of the only role in ``roles``, on a model with an adapter for each role.
    Raises ValueError for several roles, since one forward pass has one set of weights."""
    if not has_role_adapters(model):
        return
    [*names] = {role.value for role in roles}
    if len(names) != 1:
        raise ValueError(f"one forward pass has the adapter of one role, not of {sorted(names)}")
    if model.active_adapter != names[0]:
        model.set_adapter(names[0])
        all_learn(model)
