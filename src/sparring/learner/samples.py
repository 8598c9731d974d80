"""What is learned from: responses with advantages, grouped by prompt."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.schema import Role


@dataclass(frozen=True, slots=True)
class Sample:
    """One response to learn from.

    ``sampled_logprobs`` [L] are the sampler's, under the sampling distribution
    (temperature included).
    """

    token_ids: tuple[int, ...]
    sampled_logprobs: tuple[float, ...]
    advantage: float


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
