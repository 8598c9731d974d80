"""Settings of the rewards: the section [reward].

This module holds the only default and the conditions of every setting of a reward. The recipe takes
the section from here, and the formulas read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field, model_validator

from sparring.section import Count, IdleFields, Section


class CoderReward(StrEnum):
    """Basis of a program's reward."""

    COUNT = "count"
    """Ground-truth tests passed (Eq 3): partial credit."""
    SHARE = "share"
    """Share of the ground-truth tests passed, as in the released code. Advantages are those of
    COUNT, because normalisation takes the factor out."""
    ALL_PASS = "all_pass"
    """1 for passing all ground-truth tests, else 0."""


class TesterReward(StrEnum):
    """Form of a test's reward."""

    __test__ = False

    CURE = "cure"
    """Eq 4: pays for accepting every correct program and catching the wrong ones."""
    SCALED = "scaled"
    """Eq 4 divided by the number of wrong programs: the form of the released code."""
    POST_STAGE = "post_stage"
    """Second stage of the released code: 1 for a right test that every wrong program fails, −1 for
    a wrong test that any wrong program passes, else 0."""
    SIMPLE = "simple"
    """Correctness alone: 1 if every correct program passes, else −1 (the paper's simple reward)."""


class NoWrong(StrEnum):
    """Reward of a test when no program is wrong, so that a test has nothing to catch."""

    ZERO = "zero"
    """Eq 4 as it stands: 0 for every valid test."""
    SIGN = "sign"
    """+1 if every correct program observed on the test passes, else −1, as in the released code."""


class InvalidTest(StrEnum):
    """Reward of a test that could not be parsed or that the statement does not allow."""

    LOWEST = "lowest"
    """The lowest reward of the form in use: −max(W, 1) under Eq 4, −1 under the others. By Eq 4
    itself a test that every program fails would earn 0, more than an honest test that lets wrong
    programs pass."""
    EQ4 = "eq4"
    """The reward of a test that every program fails."""


class Normalisation(StrEnum):
    """Rule that turns the rewards of one group into advantages."""

    STD = "std"
    """(r − mean) / population standard deviation, as GRPO and CURE do."""
    MEAN = "mean"
    """r − mean. A group of little variance then weighs less."""


class LengthForm(StrEnum):
    """Form in which the length of a response enters its advantage (`rewards.lengths`)."""

    NONE = "none"
    PAPER = "paper"
    """The paper's form, for tests."""
    OFFICIAL = "official"
    """The form of the released code, for programs and tests, with thresholds."""


class Overlong(StrEnum):
    """Treatment of a response that reached its token limit."""

    KEEP = "keep"
    """The response is graded by what could be read of it, which is mostly nothing."""
    MASK = "mask"
    """The response has no label: no part in the group's statistics or the loss."""
    PENALTY = "penalty"
    """A penalty grows over the last tokens before the limit, in units of the largest reward (DAPO's
    soft overlong punishment, arXiv 2503.14476, Eq 13)."""


class RewardSettings(Section):
    """The section [reward]. ``reward = "file.py:function"`` is short for its field ``function``."""

    function: str | None = Field(
        None,
        description="Your own reward function, as file.py:function (`sparring new reward` writes one to start from)",
    )

    coder: CoderReward = Field(
        CoderReward.COUNT,
        description="Reward of a program: number of ground-truth tests passed (count, Eq 3), their share (share), or 1 for passing all (all_pass)",
    )
    tester: TesterReward = Field(
        TesterReward.CURE,
        description="Reward of a test: Eq 4 (cure), Eq 4 divided by the number of wrong programs (scaled), the released code's second stage (post_stage), or ±1 for correctness alone (simple)",
    )
    no_wrong_reward: NoWrong = Field(
        NoWrong.SIGN,
        description="Reward of a test in a group without a wrong program: 0 (zero), or ±1 by correctness (sign)",
    )
    invalid_test: InvalidTest = Field(
        InvalidTest.LOWEST,
        description="Reward of an unparsable or forbidden test: the lowest of the form (lowest), or that of a test which every program fails (eq4)",
    )
    validity_bonus: float = Field(
        0.5,
        ge=0,
        description="Bonus for accepting every correct program, as a share of the number of wrong programs; 0: Eq 4 alone",
    )
    """By Eq 4 alone a wrong test that every program fails and a right test that every program
    passes both earn 0."""
    smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Assumed share of wrong programs among those that look correct; above 0, a test is right with a probability",
    )
    """ε of `counts.rightness`."""
    difficulty_exponent: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Exponent γ: a wrong program weighs ∝ (right tests that catch the program)^-γ, so that catching what few tests catch earns more",
    )
    """The weights of all wrong programs sum to their number."""
    duplicates: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Exponent δ: a positive reward is divided by (tests of the group with the same input)^δ",
    )
    copies: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of a positive reward that a test with a public example's input loses",
    )
    length: LengthForm = Field(
        LengthForm.NONE,
        description="Advantages by length: the paper's form for tests (paper), or the released code's for both roles (official)",
    )
    length_least: float = Field(
        1000, gt=0, description="Least median length that length = official uses, in tokens"
    )
    length_most: float = Field(
        8000, gt=0, description="Greatest median length that length = official uses, in tokens"
    )
    overlong: Overlong = Field(
        Overlong.KEEP,
        description="Truncated responses: graded as read (keep), without a label (mask), or with a penalty that grows towards the limit (penalty)",
    )
    overlong_buffer: Count = Field(
        64, description="Number of tokens before the limit over which the penalty grows"
    )
    normalisation: Normalisation = Field(
        Normalisation.STD,
        description="Advantages: (reward − mean) / standard deviation of the group (std), or reward − mean (mean)",
    )
    shuffle: bool = Field(
        False, description="Control experiment: deal rewards out at random within each group"
    )

    def idle(self) -> Iterator[IdleFields]:
        """Yield the fields that another field leaves without effect."""
        if self.length is LengthForm.OFFICIAL:
            why = "reward.length = official always divides the advantages of both roles"
            yield IdleFields(("normalisation",), "length", why)
        if self.function is not None:
            why = "reward.function replaces the formulas of both roles"
            yield IdleFields(FORMULA, "function", why)
        elif unused := _UNUSED_BY.get(self.tester):
            yield IdleFields(unused, "tester", f"reward.tester = {self.tester} has no such term")

    @model_validator(mode="after")
    def _makes_sense(self) -> RewardSettings:
        if self.length_least > self.length_most:
            raise ValueError(
                f"length_least ({self.length_least:g}) is above length_most ({self.length_most:g})"
            )
        if self.function and self.overlong is Overlong.PENALTY:
            raise ValueError(
                "overlong = penalty is in units of the built-in rewards: with reward.function let "
                "the function pay long responses less, or set overlong = mask"
            )
        return self


FORMULA = (
    "coder",
    "tester",
    "no_wrong_reward",
    "invalid_test",
    "validity_bonus",
    "smoothing",
    "difficulty_exponent",
    "duplicates",
    "copies",
)
"""Fields of the formulas, which a reward function of the user's replaces."""
_UNUSED_BY = {
    TesterReward.SIMPLE: ("validity_bonus", "difficulty_exponent", "no_wrong_reward"),
    TesterReward.POST_STAGE: ("validity_bonus", "difficulty_exponent"),
}
"""Fields that a form of the tester's reward does not use."""
EQUATIONS = RewardSettings(
    no_wrong_reward=NoWrong.ZERO, validity_bonus=0.0, difficulty_exponent=0.0
)
"""Settings of Eq 3 and Eq 4 alone, with the lowest reward for a test that cannot be read."""
