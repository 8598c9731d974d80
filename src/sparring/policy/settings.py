"""Settings of the model and of its sampling: the sections [model] and [sampling]."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from sparring.section import Length, Responses, Section, Temperature

NANO = "nano"
"""Name of the model that comes with the package."""


class Precision(StrEnum):
    """Data type of forward and backward passes, or of stored weights."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Adapters(StrEnum):
    """Assignment of LoRA adapters to roles."""

    SHARED = "shared"
    """One adapter for both roles."""
    PER_ROLE = "per_role"
    """An adapter for each role, on the same base model."""


class ModelSettings(Section):
    """Section [model] of a recipe: the model, its precision, and which weights learn."""

    path: str = Field(
        NANO,
        min_length=1,
        description="Directory or hub id of a causal language model; 'nano' comes with the package",
    )
    end_tokens: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        description="Tokens that end a response, such as <|im_end|>, beside those that the model's files name; checkpoints name them too",
    )
    precision: Precision = Field(
        Precision.FLOAT32,
        description="Precision of forward and backward passes; trained weights have float32 masters either way",
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=8192,
        description="Rank of the LoRA adapter to train; 0: train all weights",
    )
    lora_alpha: float = Field(32.0, gt=0, description="LoRA's scale, divided by the rank")
    lora_targets: list[str] = Field(
        ["all-linear"], description="Names of the layers that LoRA adapts, or all-linear"
    )
    adapters: Adapters = Field(
        Adapters.SHARED,
        description="One LoRA adapter for both roles (shared), or one for each role (per_role)",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Recompute activations in the backward pass: less memory, more time",
    )

    offload_reference: bool = Field(
        False,
        description="Keep the KL term's reference in main memory except while its log-probs are computed",
    )

    @model_validator(mode="after")
    def _something_to_offload(self) -> ModelSettings:
        if self.offload_reference and self.lora_rank:
            raise ValueError(
                "offload_reference and lora_rank: with LoRA the reference is the model without its "
                "adapter, and no second model can be offloaded; leave out offload_reference"
            )
        return self

    @model_validator(mode="after")
    def _something_to_adapt(self) -> ModelSettings:
        if self.adapters is Adapters.PER_ROLE and not self.lora_rank:
            raise ValueError("adapters = per_role needs a LoRA adapter: set lora_rank")
        return self


class SamplingEngine(StrEnum):
    """Program that samples responses."""

    LOCAL = "local"
    """`transformers` in this process, with the trainer's own weights."""
    VLLM = "vllm"
    """vLLM servers ([vllm]), which receive the weights after each step."""


class SamplingSettings(Section):
    """Section [sampling] of a recipe: the number, length and temperature of responses."""

    engine: SamplingEngine = Field(
        SamplingEngine.LOCAL,
        description="Sample in this process (local), or on vLLM servers ([vllm])",
    )
    programs: Responses = Field(16, description="n: programs per task")
    tests: Responses = Field(16, description="m: tests per task")
    coder_temperature: Temperature = Field(
        1.0, description="Coder's sampling temperature, which divides the logits"
    )
    tester_temperature: Temperature = Field(
        1.0, description="Tester's sampling temperature, which divides the logits"
    )
    coder_max_tokens: Length = Field(
        1024, description="Longest program response in tokens, end token included"
    )
    tester_max_tokens: Length = Field(
        1024, description="Longest test response in tokens, end token included"
    )
    max_batch_size: Length = Field(512, description="Responses sampled in one batch")
    initial_policy_programs: int = Field(
        6,
        ge=0,
        le=4096,
        description="Programs of the initial model per task; tests are rewarded on them and on the group's own, so that wrong programs do not run out",
    )
    skip_unlabelled: bool = Field(
        False,
        description="Sample tests only for tasks with a correct program (own or the initial model's); without one a test has no label",
    )
    extra_attempts: int = Field(
        0,
        ge=0,
        le=16,
        description="Attempts in one step to replace tasks whose tests have no label by as many other tasks",
    )
