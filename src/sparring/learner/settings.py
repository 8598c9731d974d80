"""How learning goes: plain settings, without torch, so that recipes can name them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.schema import Role

CHUNK_BYTES = 1 << 28
"""Of the float32 logits of a chunk whose length is not given, on a CPU."""
CACHE_BYTES = 1 << 22
"""Float32 logits that a CPU works on at once, of a chunk whose logits are in the weights' type."""


def chunk_tokens(vocabulary: int, gpu_bytes: float | None) -> int:
    """Tokens that have logits at once where that is not given: 256 MiB of them on a CPU
    (``gpu_bytes`` None), and on a GPU a 32nd of its memory, at most 4,096 tokens, so that its
    matrix products are large ones. By all of the memory and not by what is free: the same in
    every pass of a run."""
    if gpu_bytes is None:
        return max(1, CHUNK_BYTES // (4 * vocabulary))
    tokens = max(CHUNK_BYTES, int(gpu_bytes / 32)) // (4 * vocabulary)
    return max(1, min(4096, tokens), CHUNK_BYTES // (4 * vocabulary))


class Precision(StrEnum):
    """What forward and backward passes compute in, or what weights are kept in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Backend(StrEnum):
    """How the log-probs of responses are computed. All give the same."""

    AUTO = "auto"
    """PROMPT_CACHE; with gradient checkpointing FLEX on CUDA and PADDED elsewhere."""
    PROMPT_CACHE = "prompt_cache"
    """A prompt once, its keys and values repeated for its responses."""
    PACKED = "packed"
    """A prompt and all its responses in one sequence under a dense mask: to test others by."""
    FLEX = "flex"
    """The same under a block mask, by torch's flex attention: on CUDA."""
    PADDED = "padded"
    """Rows of prompt and response."""


class Adapters(StrEnum):
    """Whose a LoRA adapter is."""

    SHARED = "shared"
    """One for both roles."""
    PER_ROLE = "per_role"
    """One for each role, on the same base."""


class Sharding(StrEnum):
    """How several processes learn together."""

    NONE = "none"
    """They do not: there is one."""
    DDP = "ddp"
    """Each has the whole model; gradients are added up."""
    FSDP = "fsdp"
    """Each has a part of weights, gradients, optimiser state and reference."""


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


class Objective(StrEnum):
    """What is maximised."""

    CLIPPED = "clipped"
    """PPO's clipped surrogate of the advantages."""
    LIKELIHOOD = "likelihood"
    """The log-likelihood of one's own good responses: supervised fine-tuning on positives."""


class Ratio(StrEnum):
    """What the surrogate's ratio is of."""

    TOKEN = "token"
    """Each token: π/π_old."""
    SEQUENCE = "sequence"
    """A whole response: the product over its tokens (arXiv v2 of CURE, Eq 5)."""
    GEOMETRIC = "geometric"
    """A whole response: the geometric mean over its tokens (GSPO, arXiv 2507.18071)."""


class Average(StrEnum):
    """How tokens are put together into a loss."""

    TOKENS = "tokens"
    """Mean over all tokens of the optimiser step: long responses weigh more."""
    RESPONSE_MEAN = "response_mean"
    """Mean over responses of the mean over tokens: all responses weigh the same (GRPO)."""
    RESPONSE_SUM = "response_sum"
    """Mean over responses of the sum over tokens (the NeurIPS text of CURE, Eq 5)."""


class KLEstimator(StrEnum):
    """Per token, with δ = log π_ref − log π."""

    K2 = "k2"
    """δ²/2."""
    K3 = "k3"
    """exp(δ) − δ − 1: never negative, unbiased under π."""


class KLPlace(StrEnum):
    """Where the KL term enters."""

    LOSS = "loss"
    REWARD = "reward"
    """Subtracted from a response's advantage, summed over its tokens under the policy that
    sampled it, and centred over the group."""


class Reference(StrEnum):
    """What the KL term is to."""

    START = "start"
    """The model as it was before the first step."""
    STEP = "step"
    """The policy that sampled the step's responses, as in the official code: with one optimiser
    step per batch, or with `OldLogprobs.EACH`, the term and its gradient are then 0."""


class OldLogprobs(StrEnum):
    """Whose log-probs the ratio is against. All are of the same weights; they differ by rounding
    between sampler and trainer, or by the optimiser steps in between."""

    SAMPLED = "sampled"
    """The sampler's."""
    TRAINER = "trainer"
    """Computed by the trainer before the first optimiser step; the sampler's deviation can then
    be weighed in (truncated importance weights)."""
    EACH = "each"
    """Computed anew before every optimiser step, as in the official code: the ratio is always 1."""


class OptimizerState(StrEnum):
    """How long AdamW's moments live."""

    RUN = "run"
    STEP = "step"
    """Thrown away with every training step, as in the official code."""


@dataclass(frozen=True, slots=True)
class LossSettings:
    """``clip`` is ε, ``clip_high`` the upper one where it differs; ``kl`` the weight β of the KL
    term (0: no reference is needed), ``kl_bound`` where k3 becomes a straight line;
    ``importance_cap`` the largest importance weight."""

    objective: Objective = Objective.CLIPPED
    ratio: Ratio = Ratio.TOKEN
    average: Average = Average.TOKENS
    clip: float = 0.2
    clip_high: float | None = None
    kl: float = 0.01
    kl_estimator: KLEstimator = KLEstimator.K3
    kl_bound: float | None = None
    kl_place: KLPlace = KLPlace.LOSS
    reference: Reference = Reference.START
    importance_cap: float | None = None

    @property
    def needs_reference(self) -> bool:
        """Whether the start model has to be kept."""
        return self.kl > 0 and self.reference is Reference.START


class UpdateMode(StrEnum):
    """How the two roles share an update."""

    JOINT = "joint"
    SEPARATE = "separate"


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How to update. ``minibatches`` optimiser steps are made per batch (per role if
    separate), ``epochs`` times over; a gradient longer than ``refuse_norm``, or not finite, is not
    applied; ``tokens_per_micro_batch`` bounds the positions of one forward pass."""

    mode: UpdateMode = UpdateMode.JOINT
    minibatches: int = 1
    epochs: int = 1
    old_logprobs: OldLogprobs = OldLogprobs.SAMPLED
    optimizer_state: OptimizerState = OptimizerState.RUN
    master_weights: Precision = Precision.FLOAT32
    """What weights are kept in from step to step. BFLOAT16 rounds them after each, as saving and
    loading does in the official code."""
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
    sharding: Sharding = Sharding.NONE
    backend: Backend = Backend.AUTO
    logprob_chunk: int | None = None
    """Response tokens that have logits at once; None: `chunk_tokens`."""
    offload_reference: bool = False
    """Keep the reference in the CPU's memory while it is not needed."""
    shares_device: bool = False
    """Another program takes turns on the device: leave nothing there that is not needed."""

    def weight(self, role: Role) -> float:
        """The weight of a role's loss in a joint update; alone, each has 1."""
        if self.mode is UpdateMode.SEPARATE:
            return 1.0
        return self.coder_weight if role is Role.CODER else self.tester_weight
