"""Settings of the model and of its sampling: the sections [model] and [sampling]."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from sparring.section import Heat, Length, Responses, Section

NANO = "nano"
"""Name of the model in the package."""


class Precision(StrEnum):
    """What forward and backward passes compute in, or what weights are kept in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Adapters(StrEnum):
    """Whose a LoRA adapter is."""

    SHARED = "shared"
    """One for both roles."""
    PER_ROLE = "per_role"
    """One for each role, on the same base."""


class ModelSettings(Section):
    """[model]"""

    path: str = Field(
        NANO,
        min_length=1,
        description="Directory or hub id of a causal language model; 'nano' is in the package",
    )
    end_tokens: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        description="Tokens that end a response beside those of its files, such as <|im_end|>; checkpoints name them",
    )
    precision: Precision = Field(
        Precision.FLOAT32,
        description="Of all weights that are computed with; what learns has float32 masters either way",
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=8192,
        description="Rank of a LoRA adapter that is trained instead; 0: all weights",
    )
    lora_alpha: float = Field(32.0, gt=0, description="LoRA's scale, divided by the rank")
    lora_targets: list[str] = Field(
        ["all-linear"], description="Names of the layers that LoRA adapts, or all-linear"
    )
    adapters: Adapters = Field(
        Adapters.SHARED, description="One LoRA adapter for both roles, or one for each (per_role)"
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations again on the way back: less memory, more time"
    )

    offload_reference: bool = Field(
        False,
        description="Keep the KL term's reference in the CPU's memory but while it is computed",
    )

    @model_validator(mode="after")
    def _something_to_offload(self) -> ModelSettings:
        if self.offload_reference and self.lora_rank:
            raise ValueError(
                "offload_reference is for a second model; with lora_rank the reference is the "
                "model without its adapter: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _something_to_adapt(self) -> ModelSettings:
        if self.adapters is Adapters.PER_ROLE and not self.lora_rank:
            raise ValueError("adapters = per_role needs a LoRA adapter: set lora_rank")
        return self


class Engine(StrEnum):
    """What samples."""

    LOCAL = "local"
    """`transformers`, in this process, from the trainer's own weights."""
    VLLM = "vllm"
    """vLLM servers ([vllm]), to which the weights are brought after each step."""


class SamplingSettings(Section):
    """[sampling]"""

    engine: Engine = Field(
        Engine.LOCAL, description="What samples: this process (local), or vLLM servers ([vllm])"
    )
    programs: Responses = Field(16, description="n: programs per task")
    tests: Responses = Field(16, description="m: tests per task")
    coder_temperature: Heat = Field(1.0, description="Divides the coder's logits")
    tester_temperature: Heat = Field(1.0, description="Divides the tester's logits")
    coder_max_tokens: Length = Field(
        1024, description="Longest program response, end token included"
    )
    tester_max_tokens: Length = Field(1024, description="Longest test response, end token included")
    max_rows: Length = Field(512, description="Responses sampled at once")
    opponents: int = Field(
        6,
        ge=0,
        le=4096,
        description="Programs of the start model per task, by which tests are judged beside the group's own: wrong programs do not run out",
    )
    skip_unlabelled: bool = Field(
        False,
        description="Sample tests only where a program (own or opponent's) is correct: elsewhere a test has no label",
    )
    extra_rounds: int = Field(
        0,
        ge=0,
        le=16,
        description="Times that tasks whose tests have no label are followed by as many others in the same step",
    )
