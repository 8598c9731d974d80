"""Settings of the rewards: the section [reward].

A setting of a reward stands here alone, with its default and its conditions; the recipe takes the
section from here, and the formulas read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field, model_validator

from sparring.section import Count, Idle, Section


class CoderReward(StrEnum):
    """What a program is paid for."""

    COUNT = "count"
    """Ground-truth tests passed (Eq 3): partial credit."""
    SHARE = "share"
    """Their share, as the official code does: the same once normalised."""
    ALL_PASS = "all_pass"
    """1 for passing all of them, else 0."""


class TesterReward(StrEnum):
    """What a test is paid for."""

    __test__ = False

    CURE = "cure"
    """Eq 4: accept every correct program and catch the wrong ones."""
    SCALED = "scaled"
    """Eq 4 divided by the number of wrong programs: the official code's form."""
    POST_STAGE = "post_stage"
    """The official code's second stage: 1 for a right test that every wrong program fails, −1 for
    a wrong one that any wrong program passes, else 0."""
    SIMPLE = "simple"
    """Mere correctness: 1 if every correct program passes, else −1 (the paper's simple reward)."""


class NoWrong(StrEnum):
    """What a test is paid when no program is wrong, so that there is nothing to catch."""

    ZERO = "zero"
    """Eq 4 as it stands: 0 for every valid test."""
    SIGN = "sign"
    """+1 if every correct program that was observed on it passes, else −1, as the official code
    does."""


class InvalidTest(StrEnum):
    """What a test is paid that could not be parsed or that the statement does not allow."""

    LOWEST = "lowest"
    """The lowest reward of the form in use (−max(W, 1) under Eq 4, −1 under others). Under Eq 4 itself a test that
    every program fails earns 0, more than an honest test that lets wrong programs pass."""
    EQ4 = "eq4"
    """A test that every program fails."""


class Normalisation(StrEnum):
    """How rewards of one group become advantages."""

    STD = "std"
    """(r − mean) / population standard deviation, as GRPO and CURE do."""
    MEAN = "mean"
    """r − mean: groups of little variance then weigh less."""


class LengthForm(StrEnum):
    """Whether and how lengths enter the advantages."""

    NONE = "none"
    PAPER = "paper"
    """The paper's, for tests."""
    OFFICIAL = "official"
    """The released code's, for programs and tests, with thresholds."""


class Overlong(StrEnum):
    """How a truncated response counts."""

    KEEP = "keep"
    """As whatever could be read of it, mostly nothing."""
    MASK = "mask"
    """Not at all: no label, no part in the group's statistics or the loss."""
    PENALTY = "penalty"
    """Less and less over the last tokens before the limit, in units of the largest reward (DAPO's
    soft punishment, arXiv 2503.14476, Eq 13)."""


class RewardSettings(Section):
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
    """Eq 4 alone pays a wrong test that everybody fails as much as a right one that everybody
    passes: nothing."""
    smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of correct-looking programs taken to be wrong: a test's rightness is then a probability, not a single bit",
    )
    """ε of `rightness`."""
    difficulty: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Wrong programs count ∝ (right tests that catch them)^-this: what few tests catch is worth more",
    )
    """The weights of all wrong programs still sum to their number."""
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

    def idle(self) -> Iterator[Idle]:
        """The fields that another one leaves without effect."""
        if self.length is LengthForm.OFFICIAL:
            why = "reward.length = official gives both roles' advantages, always divided"
            yield Idle(("normalisation",), "length", why)
        if self.function is not None:
            why = "reward.function pays both roles in place of the formulas"
            yield Idle(FORMULA, "function", why)
        elif unused := _UNUSED_BY.get(self.tester):
            yield Idle(unused, "tester", f"reward.tester = {self.tester} has no such term")

    @model_validator(mode="after")
    def _makes_sense(self) -> RewardSettings:
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


FORMULA = (
    "coder",
    "tester",
    "no_wrong",
    "invalid_test",
    "validity",
    "smoothing",
    "difficulty",
    "duplicates",
    "copies",
)
"""Fields that a function of one's own takes the place of."""
_UNUSED_BY = {
    TesterReward.SIMPLE: ("validity", "difficulty", "no_wrong"),
    TesterReward.POST_STAGE: ("validity", "difficulty"),
}
"""Fields that a form of the tester's reward has no place for."""
EQUATIONS = RewardSettings(no_wrong=NoWrong.ZERO, validity=0.0, difficulty=0.0)
"""Eq 3 and Eq 4 alone, with the lowest reward for a test that cannot be read."""
