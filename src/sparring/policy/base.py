"""What every sampler promises: `Sampler`, its parameters and its seeds.

A sampler turns prompts into responses whose token ids, log-probs and stop
reasons are those of the distribution that was sampled. It does not render
prompts, parse responses or know what a role is; it only carries the role and
the task through, because the seed depends on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sparring.schema import Response, Role


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample one role's responses.

    ``temperature`` divides the logits; 0 takes the likeliest token (its
    log-probs are then those of temperature 1). ``max_tokens`` counts the end
    token. There is no top-p or top-k: log-probs of a cut distribution cannot
    be trained on without storing the kept set.
    """

    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt, what it is for, and the seed of its responses."""

    task_id: str
    role: Role
    token_ids: tuple[int, ...]
    seed: int
    params: SamplingParams


Arrived = Callable[[int, Response], None]
"""Told of each response as soon as it is whole: the number of its prompt, and the response. Calls
come one at a time, in any order, before `Sampler.sample` returns."""


def unheeded(number: int, response: Response) -> None:
    """An `Arrived` that does nothing."""


class Sampler(Protocol):
    """Anything that can sample from the current weights."""

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """``n`` responses for each prompt, in the order of ``prompts``.

        The same prompts, seeds and weights give the same responses.
        """
        ...


def sampling_seed(run_seed: int, step: int, task_id: str, player: str) -> int:
    """The seed of one prompt's responses: a 63-bit hash of all that identifies it. ``player`` is
    the role, or another name where somebody else answers the same prompt.

    A step can therefore be sampled again, whole or in part, in any order.
    """
    key = f"{run_seed}\0{step}\0{task_id}\0{player}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


def response_seed(prompt_seed: int, index: int) -> int:
    """The seed of a prompt's response ``index``: 63 bits, what a server takes at most."""
    digest = hashlib.sha256(f"{prompt_seed}\0{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
