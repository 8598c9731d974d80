"""Training data of an update: responses with advantages, grouped by prompt."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.schema import Role


@dataclass(frozen=True, slots=True)
class Sample:
    """One response to learn from, of L tokens.

    ``sampled_logprobs`` [L] are the log-probs that the sampler reported, under the distribution
    that it sampled from (temperature included).
    """

    token_ids: tuple[int, ...]
    sampled_logprobs: tuple[float, ...]
    advantage: float


@dataclass(frozen=True, slots=True)
class SampleGroup:
    """All responses to one prompt, sampled at ``temperature``."""

    role: Role
    prompt_ids: tuple[int, ...]
    temperature: float
    samples: tuple[Sample, ...]

    @property
    def tokens(self) -> int:
        """Return the number of response tokens, over which losses are averaged."""
        return sum(len(s.token_ids) for s in self.samples)
