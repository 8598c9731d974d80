"""Have the weights arrived? A few responses are sampled, and compared with the trainer's log-probs.

At most once per loading, a few short ones at two temperatures: that sees
weights that did not arrive, log-probs before the temperature, and another
precision. The trainer is asked about each weights once, when they first come.
When they come again (a server that was started anew, the start weights after
others), it may have others already: then the same seeds are sampled, and
compared with what is on record as far as the tokens are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.vllm.check import TEXTS
from sparring.policy.vllm.completion import Completion
from sparring.policy.vllm.wanted import Probe, Weights, Words
from sparring.schema import Role

T = TypeVar("T")
_HEATS = (1.0, 0.7)
_TOKENS = 32


@dataclass(frozen=True, slots=True)
class _Scored:
    """A sampled response to probe ``number``, with the trainer's log-probs."""

    number: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Probes:
    """The prompts that are asked after a loading, and what the trainer has said of the answers."""

    def __init__(self, words: Words) -> None:
        self.prompts = [
            Prompt(
                f"probe {i}",
                Role.CODER,
                tuple(words.encode(text)),
                i,
                SamplingParams(heat, _TOKENS),
            )
            for i, (text, heat) in enumerate((t, h) for t in TEXTS[:2] for h in _HEATS)
        ]
        self._known: dict[str, list[_Scored]] = {}

    def comparable(self, weights: Weights) -> bool:
        """Whether there is anything to compare with."""
        return weights.score is not None or weights.name in self._known

    def gaps(self, weights: Weights, came: Mapping[T, Sequence[Completion]]) -> dict[T, float]:
        """Mean distance, in nats, between log-probs of each server (``came``: its responses to
        `prompts`) and the trainer's, over tokens. Infinite where they have no token in common
        with what was scored before."""
        if not came:
            return {}
        if weights.name not in self._known:
            self._known[weights.name] = self._scored(weights, [*came.values()])
        known = self._known[weights.name]
        return {server: _gap(found, known) for server, found in came.items()}

    def forget(self, keep: Collection[str]) -> None:
        """Remember only weights of these names."""
        self._known = {name: scored for name, scored in self._known.items() if name in keep}

    def _scored(self, weights: Weights, came: Sequence[Sequence[Completion]]) -> list[_Scored]:
        new = list(dict.fromkeys((i, c.token_ids) for cs in came for i, c in enumerate(cs)))
        asked = [
            Probe(self.prompts[i].token_ids, ids, self.prompts[i].params.temperature)
            for i, ids in new
        ]
        assert weights.score is not None
        ours = weights.score(asked)
        return [_Scored(i, ids, tuple(x)) for (i, ids), x in zip(new, ours, strict=True)]


def _gap(found: Sequence[Completion], known: Sequence[_Scored]) -> float:
    gaps: list[float] = []
    for number, completion in enumerate(found):
        alike = [
            (_common(completion.token_ids, s.token_ids), s) for s in known if s.number == number
        ]
        length, scored = max(alike, key=lambda pair: pair[0])
        theirs, ours = completion.logprobs[:length], scored.logprobs[:length]
        gaps += [abs(a - b) for a, b in zip(theirs, ours, strict=True)]
    return sum(gaps) / len(gaps) if gaps else float("inf")


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two responses begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
