"""The method: [reward] and [learning]. What a preset fixes is here."""

from __future__ import annotations

from pydantic import Field, model_validator

from sparring.learner.settings import (
    Average,
    Backend,
    Frozen,
    KLEstimator,
    KLPlace,
    Objective,
    OldLogprobs,
    OptimizerState,
    Precision,
    Ratio,
    Reference,
    UpdateMode,
)
from sparring.rewards.advantages import Normalisation
from sparring.rewards.lengths import LengthForm
from sparring.rewards.overlong import Overlong
from sparring.rewards.rewards import CoderReward, InvalidTest, NoWrong, TesterReward
from sparring.schema import Role
from sparring.section import Count, Few, Length, Responses, Section


class RewardSection(Section):
    """[reward]; ``reward = "file.py:function"`` is short for its ``function``."""

    function: str | None = Field(
        None,
        description="A reward of your own, file.py:function (`sparring new reward` writes one to start from)",
    )

    coder: CoderReward = Field(
        CoderReward.COUNT,
        description="Programs: ground-truth tests passed (Eq 3), their share, or all or nothing",
    )
    tester: TesterReward = Field(
        TesterReward.CURE,
        description="Tests: Eq 4 (cure), divided by the wrong programs (scaled), the official second stage (post_stage), or ±1 for mere correctness (simple)",
    )
    no_wrong: NoWrong = Field(
        NoWrong.SIGN, description="Tests of a group without a wrong program: nothing, or ±1"
    )
    invalid_test: InvalidTest = Field(
        InvalidTest.LOWEST,
        description="Unparsable or forbidden tests: the lowest reward, or as Eq 4 has it",
    )
    validity: float = Field(
        0.5,
        ge=0,
        description="Added to Eq 4 for accepting every correct program, in units of the wrong programs; 0: Eq 4 as it is",
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of correct-looking programs taken to be wrong: a test's rightness is then a probability, not a single bit",
    )
    difficulty: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Wrong programs count ∝ (right tests that catch them)^-this: what few tests catch is worth more",
    )
    duplicates: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Positive rewards are divided by (tests of the group with the same input)^this",
    )
    copies: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of a positive reward taken from a test that copies a public example's input",
    )
    length: LengthForm = Field(
        LengthForm.NONE,
        description="Advantages by length: the paper's (tests), or the official code's (both roles)",
    )
    length_least: float = Field(
        1000, gt=0, description="Official length form: least median, in tokens"
    )
    length_most: float = Field(
        8000, gt=0, description="Official length form: greatest median, in tokens"
    )
    overlong: Overlong = Field(
        Overlong.KEEP,
        description="Truncated responses: as they are, masked, or with a penalty that grows towards the limit",
    )
    overlong_buffer: Count = Field(
        64, description="Tokens before the limit over which the penalty grows"
    )
    normalisation: Normalisation = Field(
        Normalisation.STD, description="Advantages: divided by the group's deviation or not"
    )
    shuffle: bool = Field(
        False, description="Control experiment: deal rewards out at random within each group"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> RewardSection:
        if self.length_least > self.length_most:
            raise ValueError(
                f"length_least ({self.length_least:g}) is above length_most ({self.length_most:g})"
            )
        if self.function and self.overlong is Overlong.PENALTY:
            raise ValueError(
                "overlong = penalty is in units of our own rewards: with a function of your own "
                "let that pay less, or set overlong = mask"
            )
        return self


class LearningSection(Section):
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
        description="How log-probs are computed: prompts once (prompt_cache), packed with their responses (flex on CUDA, packed to test by), in every row (padded), or what fits (auto)",
    )
    logprob_chunk: Count | None = Field(
        None,
        description="Response tokens that have logits at once; default: as many as fit into 256 MiB",
    )

    def learns(self, role: Role) -> bool:
        """Whether a role's responses carry any gradient: it is not frozen, and its loss weighs
        something."""
        weight = self.coder_weight if role is Role.CODER else self.tester_weight
        silent = self.mode is UpdateMode.JOINT and weight == 0
        return not (silent or self.frozen.covers(role))

    @model_validator(mode="after")
    def _somebody_learns(self) -> LearningSection:
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
    def _likelihood_is_of_good_responses_alone(self) -> LearningSection:
        likelihood = self.objective is Objective.LIKELIHOOD
        if likelihood and self.kl > 0 and self.kl_place is KLPlace.REWARD:
            raise ValueError(
                "objective = likelihood has no rewards that a KL could be taken off: set "
                "kl_place = loss"
            )
        return self

    @model_validator(mode="after")
    def _the_kl_is_to_another_policy(self) -> LearningSection:
        sampled = self.kl_place is KLPlace.REWARD and self.reference is Reference.STEP
        if self.kl > 0 and sampled:
            raise ValueError(
                "kl_place = reward takes the KL of the policy that sampled, which is 0 with "
                "reference = step: set reference = start"
            )
        return self
