"""What is learned from: responses with advantages, grouped by prompt."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.schema import Role


@dataclass(frozen=True, slots=True)
class Sample:
    """One response to learn from.

    ``sampled_logprobs`` [L] are the sampler's, under the sampling distribution
    (temperature included); ``trainer_logprobs`` those that the trainer
    computed for the same policy, where it did.
    """

    token_ids: tuple[int, ...]
    sampled_logprobs: tuple[float, ...]
    advantage: float
    trainer_logprobs: tuple[float, ...] | None = None

    @property
    def old_logprobs(self) -> tuple[float, ...]:
        """What the ratio is against."""
        return self.sampled_logprobs if self.trainer_logprobs is None else self.trainer_logprobs


@dataclass(frozen=True, slots=True)
class Group:
    """The responses to one prompt. ``temperature`` is the one they were sampled at."""

    role: Role
    prompt_ids: tuple[int, ...]
    temperature: float
    samples: tuple[Sample, ...]

    @property
    def tokens(self) -> int:
        """Response tokens: what losses are averaged over."""
        return sum(len(s.token_ids) for s in self.samples)
