"""Settings of learning: the section [learning], without torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import assert_never

from pydantic import Field, model_validator

from sparring.policy.settings import Precision
from sparring.schema import Role
from sparring.section import Count, Few, IdleFields, Length, Responses, Section


class BatchLayout(Enum):
    """Arrangement of prompts and responses in a forward pass.

    The layout decides how many positions a micro-batch computes (`logprobs.filling`) and how much
    memory its activations take (`training.planning.activations`).
    """

    ROWS = auto()
    """One row for each response, with its prompt in front."""
    PROMPTS_APART = auto()
    """First a pass over the prompts, one row each, then a pass over the responses, one row each."""
    SEQUENCE = auto()
    """One sequence of all groups: each prompt once, followed by its responses."""


@dataclass(frozen=True, slots=True)
class BackendTraits:
    """Properties of a log-prob backend that other parts depend on.

    ``keeps_cache``: the backend needs keys and values of an earlier pass. Gradient checkpointing
    drops these, and sharded weights need exactly one pass for each micro-batch, so such a backend
    works with neither. ``on_cuda``: the backend has a backward pass on CUDA alone.
    """

    layout: BatchLayout
    keeps_cache: bool = False
    on_cuda: bool = False


class LogprobBackend(StrEnum):
    """Implementation that computes the log-probs of responses. All backends give equal values."""

    AUTO = "auto"
    """The choice of `usual_backend`."""
    PROMPT_CACHE = "prompt_cache"
    """Computes a prompt once and repeats its keys and values for its responses."""
    FLEX = "flex"
    """Computes all prompts and responses in one sequence with torch's flex attention; CUDA only."""
    PADDED = "padded"
    """Computes one row of prompt and response for each response."""

    @property
    def traits(self) -> BackendTraits:
        """Return the backend's layout and requirements. Raises ValueError for AUTO."""
        match self:
            case LogprobBackend.PROMPT_CACHE:
                return BackendTraits(BatchLayout.PROMPTS_APART, keeps_cache=True)
            case LogprobBackend.FLEX:
                return BackendTraits(BatchLayout.SEQUENCE, on_cuda=True)
            case LogprobBackend.PADDED:
                return BackendTraits(BatchLayout.ROWS)
            case LogprobBackend.AUTO:
                raise ValueError("auto is not a backend: choose one first")
        assert_never(self)


def usual_backend(
    checkpointing: bool, sharded: bool, cuda: bool, flex: bool = True
) -> LogprobBackend:
    """Return the backend that ``auto`` stands for.

    This is the prompt cache unless gradient checkpointing or sharding rules it out; then flex
    attention on CUDA if the model supports it (``flex``), and padded rows elsewhere.
    """
    if not checkpointing and not sharded:
        return LogprobBackend.PROMPT_CACHE
    return LogprobBackend.FLEX if cuda and flex else LogprobBackend.PADDED


class Sharding(StrEnum):
    """Division of the model among several training processes."""

    NONE = "none"
    """A single process trains."""
    DDP = "ddp"
    """Each process holds the full model; gradients are summed over the processes."""
    FSDP = "fsdp"
    """Each process holds a shard of the weights, gradients, optimiser state and reference."""


class Frozen(StrEnum):
    """Role that keeps the initial weights for the whole run and learns nothing."""

    NONE = "none"
    CODER = "coder"
    TESTER = "tester"

    def covers(self, role: Role) -> bool:
        """Return whether ``role`` is the frozen role."""
        return self.value == role.value


class Objective(StrEnum):
    """Quantity that an update maximises."""

    CLIPPED = "clipped"
    """PPO's clipped surrogate of the advantages."""
    LIKELIHOOD = "likelihood"
    """Log-likelihood of the model's own good responses: supervised fine-tuning on positives."""


class ImportanceLevel(StrEnum):
    """Level at which the surrogate takes its importance ratio π/π_old."""

    TOKEN = "token"
    """One ratio for each token."""
    SEQUENCE_PRODUCT = "sequence_product"
    """One ratio for each response: the product over its tokens (arXiv v2 of CURE, Eq 5)."""
    GSPO = "gspo"
    """One ratio for each response: the geometric mean over its tokens (GSPO, arXiv 2507.18071)."""


class LossAggMode(StrEnum):
    """Aggregation of token losses into the loss of an optimiser step."""

    TOKEN_MEAN = "token-mean"
    """Mean over all tokens of the optimiser step: long responses weigh more."""
    SEQ_MEAN_TOKEN_MEAN = "seq-mean-token-mean"
    """Mean over responses of the mean over tokens: all responses weigh the same (GRPO)."""
    SEQ_MEAN_TOKEN_SUM = "seq-mean-token-sum"
    """Mean over responses of the sum over tokens (the NeurIPS text of CURE, Eq 5)."""


class KLEstimator(StrEnum):
    """Estimator of the KL to the reference for each token, with δ = log π_ref − log π."""

    K2 = "k2"
    """δ²/2."""
    K3 = "k3"
    """exp(δ) − δ − 1: never negative, unbiased under π."""


class KLPlace(StrEnum):
    """Place at which the KL term enters the objective."""

    LOSS = "loss"
    """Added to the loss of each token."""
    REWARD = "reward"
    """Summed over a response's tokens under the behaviour policy, centred over the group, and
    subtracted from the response's advantage."""


class Reference(StrEnum):
    """Reference policy of the KL term."""

    INITIAL = "initial"
    """The initial model, from before the first step."""
    STEP = "step"
    """The policy that sampled the step's responses, as in the official code. With one optimiser
    step per batch, or with `OldLogprobs.PER_STEP`, the KL term and its gradient are then 0."""


class OldLogprobs(StrEnum):
    """Source of log π_old in the importance ratio.

    ``ROLLOUT`` and ``RECOMPUTED`` belong to the same weights and differ by the rounding of sampler
    and trainer. ``PER_STEP`` belongs to the weights after the optimiser steps so far.
    """

    ROLLOUT = "rollout"
    """Log-probs that the sampler reported with the response."""
    RECOMPUTED = "recomputed"
    """Log-probs that the trainer computes before the first optimiser step. Truncated importance
    sampling can then weigh tokens by the trainer's and the sampler's probabilities."""
    PER_STEP = "per_step"
    """Log-probs computed again before every optimiser step, as in the official code: the ratio is
    always 1."""


class OptimizerState(StrEnum):
    """Lifetime of AdamW's moments."""

    RUN = "run"
    """Kept for the whole run."""
    STEP = "step"
    """Discarded after every training step, as in the official code."""


class UpdateMode(StrEnum):
    """Order in which the two roles learn in an update."""

    JOINT = "joint"
    """One gradient of both roles' groups in each optimiser step."""
    SEPARATE = "separate"
    """All optimiser steps on coder groups, then all on tester groups."""


class LearningSettings(Section):
    """Section [learning] of a recipe: the loss, the optimiser and how log-probs are computed."""

    mode: UpdateMode = Field(
        UpdateMode.JOINT,
        description="joint: both roles in one gradient; separate: coders first, then testers",
    )
    objective: Objective = Field(
        Objective.CLIPPED,
        description="clipped: PPO's surrogate; likelihood: log-likelihood of the model's own good responses (SFT on positives)",
    )
    importance_level: ImportanceLevel = Field(
        ImportanceLevel.TOKEN,
        description="Importance ratio of each token, or of each response: product (sequence_product) or geometric mean (gspo; TRL calls it sequence) over its tokens",
    )
    loss_agg_mode: LossAggMode = Field(
        LossAggMode.TOKEN_MEAN,
        description="Loss as the mean over all tokens, or over responses of their tokens' mean or sum",
    )
    num_minibatches: Responses = Field(
        2, description="Optimiser steps per batch and epoch (per role if mode is separate)"
    )
    ppo_epochs: Few = Field(2, description="Passes of an update over its batch")
    old_logprobs: OldLogprobs | None = Field(
        None,
        description="Source of π_old in the ratio: the sampler, the trainer before a role's first optimiser step, or the trainer before each step; unset: the sampler where sampler and trainer compute in float32, else the trainer before the first step",
    )
    tis_cap: float | None = Field(
        None,
        gt=0,
        description="Truncated importance sampling: weigh tokens by the trainer's over the sampler's probability, at most this (needs old log-probs of the trainer)",
    )
    optimizer_state: OptimizerState = Field(
        OptimizerState.RUN, description="Keep AdamW's moments for the whole run, or for one step"
    )
    master_weights: Precision = Field(
        Precision.FLOAT32, description="Precision in which weights are kept between steps"
    )
    learning_rate: float = Field(1e-6, gt=0, le=1, description="AdamW's learning rate")
    warmup_steps: int = Field(
        0, ge=0, description="Training steps over which the learning rate rises linearly"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay rate of AdamW's first moment")
    beta2: float = Field(0.95, ge=0, lt=1, description="Decay rate of AdamW's second moment")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay")
    max_grad_norm: float = Field(
        1.0, gt=0, description="Gradient norm above which a gradient is scaled down to this norm"
    )
    skip_grad_norm: float = Field(
        1e6,
        gt=0,
        description="Skip an optimiser step whose gradient norm is above this or not finite; a second skip stops the run",
    )
    clip_eps_low: float = Field(
        0.2, gt=0, lt=1, description="Clip range ε: the surrogate clips ratios below 1-ε"
    )
    clip_eps_high: float | None = Field(
        None, gt=0, le=100, description="Upper clip range: ratios above 1+ this; unset: ε"
    )
    kl_coef: float = Field(0.01, ge=0, description="KL coefficient β; 0: no reference is kept")
    kl_estimator: KLEstimator = Field(
        KLEstimator.K3,
        description="KL per token with δ the log-ratio of reference to model: k3 is exp(δ)-δ-1, k2 is δ²/2",
    )
    kl_bound: float | None = Field(
        3.0,
        gt=0,
        le=80,
        description="Log-ratio δ above which k3 continues as a straight line, so that no single token dominates a step (80: practically never)",
    )
    kl_place: KLPlace = Field(KLPlace.LOSS, description="KL term in the loss, or in the reward")
    reference: Reference = Field(
        Reference.INITIAL,
        description="Reference of the KL term: the initial model (initial), or the behaviour policy of the step (step)",
    )
    gap_alarm: float | None = Field(
        None,
        gt=0,
        description="Warn when the sampler's and the trainer's log-probs differ by more than this on average; unset: 0.01 where both compute in float32, else 0.05",
    )
    coder_weight: float = Field(
        1.0, ge=0, description="Weight of the coder's loss in a joint update"
    )
    tester_weight: float = Field(
        1.0, ge=0, description="Weight of the tester's loss in a joint update"
    )
    frozen: Frozen = Field(
        Frozen.NONE,
        description="Role that keeps the initial weights for the whole run and learns nothing",
    )
    max_response_tokens: Length | None = Field(
        None,
        description="Learn from at most this many first tokens of a response; the reward is still of the full response (paper: 8,000 for long reasoning); unset: all tokens",
    )
    tokens_per_micro_batch: Count = Field(
        16384, description="Token positions of one forward and backward pass"
    )
    backend: LogprobBackend = Field(
        LogprobBackend.AUTO,
        description="Computation of log-probs: each prompt once (prompt_cache), all groups in one sequence (flex, CUDA only), prompts repeated in every row (padded), or the best that fits (auto)",
    )
    logprob_chunk: Count | None = Field(
        None,
        description="Response tokens whose logits exist at one time; unset: as many as fit into 256 MiB",
    )

    def idle(self) -> Iterable[IdleFields]:
        """Return the fields without effect: the fields of the KL term where there is none, and k3's
        bound where the estimator is k2."""
        if self.kl_coef == 0:
            names = ("kl_estimator", "kl_bound", "kl_place", "reference")
            yield IdleFields(names, "kl_coef", "learning.kl_coef = 0 leaves no KL term")
        elif self.kl_estimator is not KLEstimator.K3:
            why = f"learning.kl_estimator = {self.kl_estimator} has no bound"
            yield IdleFields(("kl_bound",), "kl_estimator", why)

    @property
    def needs_reference(self) -> bool:
        """Return True if the KL term needs the initial model as its reference."""
        return self.kl_coef > 0 and self.reference is Reference.INITIAL

    def weight(self, role: Role) -> float:
        """Return the weight of a role's loss in a joint update. In separate updates it is 1."""
        return self.coder_weight if role is Role.CODER else self.tester_weight

    def learns(self, role: Role) -> bool:
        """Return whether a role's responses carry gradient: the role is not frozen and its loss
        has a weight above 0."""
        return self.weight(role) > 0 and not self.frozen.covers(role)

    @model_validator(mode="after")
    def _somebody_learns(self) -> LearningSettings:
        if self.mode is not UpdateMode.JOINT:
            if (self.coder_weight, self.tester_weight) != (1, 1):
                raise ValueError(
                    "coder_weight and tester_weight need mode = joint: they are of a joint update, "
                    "where one gradient serves both roles; set mode = joint, or freeze the role "
                    "that should learn nothing (frozen)"
                )
            return self
        if self.coder_weight == self.tester_weight == 0:
            raise ValueError(
                "coder_weight and tester_weight are both 0: nobody would learn; set one above 0"
            )
        for frozen, weight, other in (
            (Frozen.CODER, self.tester_weight, "tester_weight"),
            (Frozen.TESTER, self.coder_weight, "coder_weight"),
        ):
            if self.frozen is frozen and weight == 0:
                raise ValueError(
                    f"frozen = {frozen} and {other} = 0: nobody would learn; set {other} above 0"
                )
        return self

    @model_validator(mode="after")
    def _likelihood_is_of_good_responses_alone(self) -> LearningSettings:
        likelihood = self.objective is Objective.LIKELIHOOD
        if likelihood and self.kl_coef > 0 and self.kl_place is KLPlace.REWARD:
            raise ValueError(
                "objective = likelihood and kl_place = reward: this objective has no rewards to "
                "subtract a KL from; set kl_place = loss"
            )
        return self

    @model_validator(mode="after")
    def _the_kl_is_to_another_policy(self) -> LearningSettings:
        sampled = self.kl_place is KLPlace.REWARD and self.reference is Reference.STEP
        if self.kl_coef > 0 and sampled:
            raise ValueError(
                "kl_place = reward and reference = step: the KL between the behaviour policy and "
                "itself is 0; set reference = initial"
            )
        return self
