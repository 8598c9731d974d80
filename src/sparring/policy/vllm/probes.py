"""Check that weights have arrived: a server's log-probs of short responses against the trainer's.

After each loading a server samples a few short responses at two temperatures. The comparison
detects weights that did not arrive, log-probs from before the division by the temperature, and
another precision. The trainer scores the responses of given weights once, when the weights are
first loaded. When the same weights are loaded again (on a restarted server, or initial weights
after other weights), the trainer may already have newer weights. The server then samples with the
same seeds, and is compared with the recorded log-probs as far as the tokens agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, takewhile
from typing import TypeVar

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.vllm.check import TEXTS
from sparring.policy.vllm.completion import Completion
from sparring.policy.vllm.requests import Probe, ServedTokens, Weights
from sparring.schema import Role

T = TypeVar("T")
_TEMPERATURES = (1.0, 0.7)
_TOKENS = 32


@dataclass(frozen=True, slots=True)
class _Scored:
    """Sampled response to the probe prompt ``number``, with the trainer's log-probs."""

    number: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Probes:
    """Prompts sent after each loading, and the trainer's log-probs of the answers by weights."""

    def __init__(self, tokens: ServedTokens) -> None:
        self.prompts = [
            Prompt(
                f"probe {i}",
                Role.CODER,
                tuple(tokens.encode(text)),
                i,
                SamplingParams(temperature, _TOKENS),
            )
            for i, (text, temperature) in enumerate(product(TEXTS[:2], _TEMPERATURES))
        ]
        self._scores: dict[str, list[_Scored]] = {}

    def comparable(self, weights: Weights) -> bool:
        """Return whether the trainer can score these weights or has scored them before."""
        return weights.score is not None or weights.name in self._scores

    def gaps(self, weights: Weights, answers: Mapping[T, Sequence[Completion]]) -> dict[T, float]:
        """Return for each server the mean absolute difference between its log-probs and the
        trainer's, over tokens, in nats.

        ``answers`` are each server's responses to `prompts`. The difference is infinite for a
        server that has no token in common with the responses scored before.
        """
        if not answers:
            return {}
        if weights.name not in self._scores:
            self._scores[weights.name] = self._score(weights, [*answers.values()])
        scored_before = self._scores[weights.name]
        return {server: _gap(own, scored_before) for server, own in answers.items()}

    def forget(self, keep: Collection[str]) -> None:
        """Drop the scores of all weights but those named by ``keep``."""
        self._scores = {name: scored for name, scored in self._scores.items() if name in keep}

    def _score(self, weights: Weights, answers: Sequence[Sequence[Completion]]) -> list[_Scored]:
        """Have the trainer score all different answers."""
        new = list(dict.fromkeys((i, c.token_ids) for cs in answers for i, c in enumerate(cs)))
        asked = [
            Probe(self.prompts[i].token_ids, ids, self.prompts[i].params.temperature)
            for i, ids in new
        ]
        assert weights.score is not None
        ours = weights.score(asked)
        return [_Scored(i, ids, tuple(x)) for (i, ids), x in zip(new, ours, strict=True)]


def _gap(answers: Sequence[Completion], scored_before: Sequence[_Scored]) -> float:
    """Compare each answer with the scored response to the same prompt that shares most tokens."""
    gaps: list[float] = []
    for number, completion in enumerate(answers):
        alike = [
            (_common(completion.token_ids, s.token_ids), s)
            for s in scored_before
            if s.number == number
        ]
        length, scored = max(alike, key=lambda pair: pair[0])
        theirs, ours = completion.logprobs[:length], scored.logprobs[:length]
        gaps += [abs(a - b) for a, b in zip(theirs, ours, strict=True)]
    return sum(gaps) / len(gaps) if gaps else float("inf")


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Return the length of the common beginning of two responses."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
