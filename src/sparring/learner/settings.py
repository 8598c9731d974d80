"""Settings of learning: the section [learning], without torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import assert_never

from pydantic import Field, model_validator

from sparring.policy.settings import Precision
from sparring.schema import Role
from sparring.section import Count, Few, Length, Responses, Section


class Layout(Enum):
    """How prompts and responses lie in a pass, from which follows what a micro-batch computes
    (`logprobs.filling`) and holds (`training.planning.activations`)."""

    ROWS = auto()
    """Each response behind its prompt, a row each."""
    PROMPTS_APART = auto()
    """Prompts as rows, and then responses as rows."""
    SEQUENCE = auto()
    """All in one, each response behind its group's prompt."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What all others know of a backend. ``keeps_cache``: it needs keys and values of an earlier
    pass, which gradient checkpointing drops, and its passes are not one for each micro-batch, as
    sharded weights want them. ``on_cuda``: it has a way back on CUDA alone."""

    layout: Layout
    keeps_cache: bool = False
    on_cuda: bool = False


class Backend(StrEnum):
    """How the log-probs of responses are computed. All give the same."""

    AUTO = "auto"
    """What `usual_backend` says."""
    PROMPT_CACHE = "prompt_cache"
    """A prompt once, its keys and values repeated for its responses."""
    FLEX = "flex"
    """All prompts and responses in one sequence, by torch's flex attention: on CUDA."""
    PADDED = "padded"
    """Rows of prompt and response."""

    @property
    def traits(self) -> Traits:
        """What it needs, and how it lays out a pass. Raises ValueError for AUTO."""
        match self:
            case Backend.PROMPT_CACHE:
                return Traits(Layout.PROMPTS_APART, keeps_cache=True)
            case Backend.FLEX:
                return Traits(Layout.SEQUENCE, on_cuda=True)
            case Backend.PADDED:
                return Traits(Layout.ROWS)
            case Backend.AUTO:
                raise ValueError("auto is not a backend: choose one first")
        assert_never(self)


def usual_backend(checkpointing: bool, sharded: bool, cuda: bool, flex: bool = True) -> Backend:
    """What ``auto`` takes: the prompt cache where it can be had; else flex attention on CUDA, if
    the model has it (``flex``), and rows elsewhere."""
    if not checkpointing and not sharded:
        return Backend.PROMPT_CACHE
    return Backend.FLEX if cuda and flex else Backend.PADDED


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


class UpdateMode(StrEnum):
    """How the two roles share an update."""

    JOINT = "joint"
    SEPARATE = "separate"


class LearningSettings(Section):
    """[learning]"""

    mode: UpdateMode = Field(
        UpdateMode.JOINT, description="Both roles in one gradient, or coders first, then testers"
    )
    objective: Objective = Field(
        Objective.CLIPPED,
        description="The clipped surrogate, or the likelihood of one's own good responses (SFT on positives)",
    )
    ratio: Ratio = Field(
        Ratio.TOKEN, description="Of a token, or of a whole response: product or geometric mean"
    )
    average: Average = Field(
        Average.TOKENS,
        description="Of all tokens, or of responses: each the mean or the sum of its tokens",
    )
    minibatches: Responses = Field(
        2, description="Optimiser steps per batch (per role if separate)"
    )
    epochs: Few = Field(2, description="Times that a batch is gone through")
    old_logprobs: OldLogprobs | None = Field(
        None,
        description="What the ratio is against: the sampler's, the trainer's from before a role's first optimiser step, or anew before each; unset: the sampler's where sampler and trainer compute in float32, else the trainer's",
    )
    importance_cap: float | None = Field(
        None,
        gt=0,
        description="Weigh tokens by trainer/sampler probability, at most this (needs old_logprobs = trainer)",
    )
    optimizer_state: OptimizerState = Field(
        OptimizerState.RUN, description="AdamW's moments live for the whole run, or for one step"
    )
    master_weights: Precision = Field(
        Precision.FLOAT32, description="What weights are kept in from step to step"
    )
    learning_rate: float = Field(1e-6, gt=0, le=1, description="AdamW's step size")
    warmup_steps: int = Field(
        0, ge=0, description="Training steps over which the step size rises linearly"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's first moment")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's second moment")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled decay")
    max_grad_norm: float = Field(1.0, gt=0, description="Longer gradients are scaled down to this")
    refuse_norm: float = Field(
        1e6,
        gt=0,
        description="A gradient longer than this, or not finite, is not applied; the second time the run stops",
    )
    clip: float = Field(0.2, gt=0, lt=1, description="ε of the clipped surrogate")
    clip_high: float | None = Field(
        None, gt=0, le=100, description="Upper ε where it differs (asymmetric clip)"
    )
    kl: float = Field(0.01, ge=0, description="β of the KL term; 0: no reference is kept")
    kl_estimator: KLEstimator = Field(KLEstimator.K3, description="exp(δ)-δ-1, or δ²/2")
    kl_bound: float | None = Field(
        3.0,
        gt=0,
        le=80,
        description="Log-ratio δ of reference to model above which k3 goes on as a straight line, so that one token cannot take over a step (80: practically never)",
    )
    kl_place: KLPlace = Field(KLPlace.LOSS, description="In the loss, or in the reward")
    reference: Reference = Field(
        Reference.START,
        description="KL to the start model, or to the policy that sampled the step",
    )
    gap_alarm: float | None = Field(
        None,
        gt=0,
        description="Say so when the log-probs of sampling and training differ by more, on average; unset: 0.01 where both compute in float32, else 0.05",
    )
    coder_weight: float = Field(
        1.0, ge=0, description="Weight of the coder's loss in a joint update"
    )
    tester_weight: float = Field(
        1.0, ge=0, description="Weight of the tester's loss in a joint update"
    )
    frozen: Frozen = Field(
        Frozen.NONE,
        description="A role that plays with the start weights for the whole run and learns nothing",
    )
    max_response_tokens: Length | None = Field(
        None,
        description="Learn from the first so many tokens of a response, which is rewarded whole (the paper: 8,000 of long reasoning); unset: from all",
    )
    tokens_per_micro_batch: Count = Field(
        16384, description="Positions of one forward and backward pass"
    )
    backend: Backend = Field(
        Backend.AUTO,
        description="How log-probs are computed: prompts once (prompt_cache), in one sequence with their responses (flex, on CUDA), in every row (padded), or what fits (auto)",
    )
    logprob_chunk: Count | None = Field(
        None,
        description="Response tokens that have logits at once; default: as many as fit into 256 MiB",
    )

    @property
    def needs_reference(self) -> bool:
        """Whether the start model has to be kept."""
        return self.kl > 0 and self.reference is Reference.START

    def weight(self, role: Role) -> float:
        """The weight of a role's loss; alone in its update, each has 1."""
        return self.coder_weight if role is Role.CODER else self.tester_weight

    def learns(self, role: Role) -> bool:
        """Whether a role's responses carry any gradient: it is not frozen, and its loss weighs
        something."""
        return self.weight(role) > 0 and not self.frozen.covers(role)

    @model_validator(mode="after")
    def _somebody_learns(self) -> LearningSettings:
        if self.mode is not UpdateMode.JOINT:
            if (self.coder_weight, self.tester_weight) != (1, 1):
                raise ValueError(
                    "coder_weight and tester_weight are of a joint update, where one gradient is "
                    "of both roles: set mode = joint, or for a role that learns nothing frozen"
                )
            return self
        if self.coder_weight == self.tester_weight == 0:
            raise ValueError("coder_weight and tester_weight are both 0: nobody would learn")
        for frozen, weight, other in (
            (Frozen.CODER, self.tester_weight, "tester_weight"),
            (Frozen.TESTER, self.coder_weight, "coder_weight"),
        ):
            if self.frozen is frozen and weight == 0:
                raise ValueError(f"frozen = {frozen} and {other} = 0: nobody would learn")
        return self

    @model_validator(mode="after")
    def _likelihood_is_of_good_responses_alone(self) -> LearningSettings:
        likelihood = self.objective is Objective.LIKELIHOOD
        if likelihood and self.kl > 0 and self.kl_place is KLPlace.REWARD:
            raise ValueError(
                "objective = likelihood has no rewards that a KL could be taken off: set "
                "kl_place = loss"
            )
        return self

    @model_validator(mode="after")
    def _the_kl_is_to_another_policy(self) -> LearningSettings:
        sampled = self.kl_place is KLPlace.REWARD and self.reference is Reference.STEP
        if self.kl > 0 and sampled:
            raise ValueError(
                "kl_place = reward takes the KL of the policy that sampled, which is 0 with "
                "reference = step: set reference = start"
            )
        return self
