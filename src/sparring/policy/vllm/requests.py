"""What a sampler over servers is given: tokens, weights, and requests for responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sparring.policy.base import Prompt

Encode = Callable[[str], list[int]]
Decode = Callable[[Sequence[int]], str]


@dataclass(frozen=True, slots=True)
class ServedTokens:
    """The trained model's tokens: texts to ids and back, how many there are, which end a
    response. ``text`` is a response's, without special tokens that are no marks of reasoning;
    ``decode`` leaves out nothing."""

    encode: Encode
    decode: Decode
    text: Decode
    count: int
    end_ids: Sequence[int]


class Probe(NamedTuple):
    """A response that a server has sampled, for the trainer to give its log-probs of."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    temperature: float


Score = Callable[[Sequence[Probe]], Sequence[Sequence[float]]]
"""The trainer's log-probs of the tokens of each probe."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights to sample from. ``player`` and ``step`` name them; ``step`` is the training step
    that made them, 0 the start.

    ``save`` writes about ``size`` bytes: a whole checkpoint, or for an ``adapter`` a directory of
    PEFT's that goes on top of the whole weights. ``save`` and ``score`` are called at most once
    for each name, by the thread that calls `VllmSampler.write`, ``ready`` or ``sample``, and before
    it returns: later the trainer may have other weights. Without ``score`` nothing is compared, but
    with what was scored of these weights before.
    """

    player: str
    step: int
    size: int
    save: Callable[[Path], None]
    score: Score | None
    adapter: bool = False

    @property
    def name(self) -> str:
        return f"{self.player}-{self.step}"


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """``n`` responses to a prompt, from the weights of ``player``, but those whose numbers are
    ``known``: they are there already."""

    prompt: Prompt
    n: int
    player: str
    known: frozenset[int] = frozenset()

    @property
    def missing(self) -> list[int]:
        """The numbers of the responses that are asked for."""
        return [i for i in range(self.n) if i not in self.known]
