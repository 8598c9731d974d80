"""How learning goes: plain settings, without torch, so that recipes can name them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.schema import Role


class Precision(StrEnum):
    """What forward and backward passes compute in. Weights are float32 either way."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Adapters(StrEnum):
    """Whose a LoRA adapter is."""

    SHARED = "shared"
    """One for both roles."""
    PER_ROLE = "per_role"
    """One for each role, on the same base."""


class Frozen(StrEnum):
    """The role that plays with the start weights for the whole run and learns nothing."""

    NONE = "none"
    CODER = "coder"
    TESTER = "tester"

    def covers(self, role: Role) -> bool:
        """Whether ``role`` is the frozen one."""
        return self.value == role.value


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How the model learns. ``lora_rank`` 0 trains all weights."""

    lora_rank: int = 0
    lora_alpha: float = 32.0
    lora_targets: tuple[str, ...] = ("all-linear",)
    gradient_checkpointing: bool = False
    adapters: Adapters = Adapters.SHARED


@dataclass(frozen=True, slots=True)
class LossSettings:
    """``clip`` is ε; ``kl`` the weight β of the KL term (0: no reference is needed)."""

    clip: float = 0.2
    kl: float = 0.01


class UpdateMode(StrEnum):
    """How the two roles share an update."""

    JOINT = "joint"
    SEPARATE = "separate"


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How to update. ``minibatches`` optimiser steps are made per batch (per role if
    separate); a gradient longer than ``refuse_norm``, or not finite, is not
    applied; ``tokens_per_micro_batch`` bounds the positions of one forward pass."""

    mode: UpdateMode = UpdateMode.JOINT
    minibatches: int = 1
    learning_rate: float = 1e-6
    beta1: float = 0.9
    beta2: float = 0.95
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    refuse_norm: float = 1e6
    tokens_per_micro_batch: int = 16384
    coder_weight: float = 1.0
    tester_weight: float = 1.0
    loss: LossSettings = LossSettings()
    precision: Precision = Precision.FLOAT32
    share_prompts: bool = True
    """Compute a group's prompt once. Excludes gradient checkpointing, which keeps no cache."""

    def weight(self, role: Role) -> float:
        """The weight of a role's loss in a joint update; alone, each has 1."""
        if self.mode is UpdateMode.SEPARATE:
            return 1.0
        return self.coder_weight if role is Role.CODER else self.tester_weight
