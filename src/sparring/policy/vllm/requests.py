"""Inputs of a sampler over servers: tokenizer functions, weights, and requests for responses."""

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
    """Tokenizer of the trained model: functions between texts and ids, the number of tokens, and
    the ids of end tokens. ``text`` gives a response's text, without special tokens except reasoning
    marks; ``decode`` keeps every token."""

    encode: Encode
    decode: Decode
    text: Decode
    count: int
    end_ids: Sequence[int]


class Probe(NamedTuple):
    """Response that a server has sampled and that the trainer shall score."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    temperature: float


Score = Callable[[Sequence[Probe]], Sequence[Sequence[float]]]
"""Function that returns the trainer's log-probs of the tokens of each probe."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights to sample from, named by ``player`` and ``step``: the training step that made the
    weights, 0 for the initial weights.

    ``save`` writes about ``size`` bytes: a full checkpoint, or for an ``adapter`` a directory in
    PEFT's format. ``save`` and ``score`` are called at most once for each name, on the thread that
    calls `VllmSampler.write`, ``ready`` or ``sample``, and before that call returns: later the
    trainer may have other weights. Without ``score``, the weights are compared only with earlier
    scores of the same weights.
    """

    player: str
    step: int
    size: int
    save: Callable[[Path], None]
    score: Score | None
    adapter: bool = False

    @property
    def name(self) -> str:
        """Return the name of the weights: player and step."""
        return f"{self.player}-{self.step}"


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """Request for ``n`` responses to a prompt, from the weights of ``player``. Responses whose
    indices are ``known`` exist already and are not sampled."""

    prompt: Prompt
    n: int
    player: str
    known: frozenset[int] = frozenset()

    @property
    def missing(self) -> list[int]:
        """Return the indices of the responses to sample."""
        return [i for i in range(self.n) if i not in self.known]
