"""One LoRA adapter per role on one base: which is in force, and that both can learn.

`peft` takes the gradient away from every adapter but the active one, and
again whenever adapters are switched off and on. Here both roles share an
optimiser, a norm and a checkpoint, so all adapters keep theirs; which one a
gradient reaches follows from which was active in the forward pass.

A model with one adapter for both roles, or with none, passes through
unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from sparring.schema import Role


def add_adapters(model: PreTrainedModel, config: LoraConfig, per_role: bool) -> PreTrainedModel:
    """``model`` with one new adapter, or with one for each role, named after it."""
    names = [role.value for role in Role] if per_role else ["default"]
    adapted = get_peft_model(model, config, adapter_name=names[0])
    for name in names[1:]:
        adapted.add_adapter(name, config)
    for made in adapted.peft_config.values():
        # peft keeps a set, which each process would write to its checkpoints in another order.
        if isinstance(made.target_modules, set):
            made.target_modules = sorted(made.target_modules)
    all_learn(adapted)
    return adapted


def inner_model(model: PreTrainedModel) -> PreTrainedModel:
    """The model inside of an adapter; one without is its own."""
    found: PreTrainedModel = getattr(model, "get_base_model", lambda: model)()
    return found


def decoder_of(model: PreTrainedModel) -> torch.nn.Module:
    """What computes hidden states from ids."""
    base: Any = inner_model(model)
    found = base.get_decoder()
    decoder: torch.nn.Module = base.model if found is base else found  # Llama 4 finds not its own
    return decoder


def has_role_adapters(model: PreTrainedModel) -> bool:
    """Whether each role has an adapter of its own."""
    return isinstance(model, PeftModel) and Role.CODER.value in model.peft_config


def all_learn(model: PreTrainedModel) -> None:
    """Give the gradient back to the adapters that are not active, or switched off."""
    if isinstance(model, PeftModel):
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.requires_grad_(True)


def activate(model: PreTrainedModel, roles: Iterable[Role]) -> None:
    """Put the adapter of the one role in ``roles`` in force. Raises ValueError for several roles
    on a model with an adapter for each: one forward pass has one set of weights."""
    if not has_role_adapters(model):
        return
    [*names] = {role.value for role in roles}
    if len(names) != 1:
        raise ValueError(f"one role at a time has its adapter in force, not {sorted(names)}")
    if model.active_adapter != names[0]:
        model.set_adapter(names[0])
        all_learn(model)
