"""The interface of samplers: `Sampler`, its parameters and its seeds.

A sampler turns prompts into responses with token ids, the log-probs of the distribution that was
sampled, and stop reasons. A sampler neither renders prompts nor parses responses. The seed depends
on the role and the task; the sampler passes both on and does not interpret them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sparring.schema import Response, Role


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Sampling parameters of one role.

    ``temperature`` divides the logits. At 0 the likeliest token is taken, and log-probs are those
    of temperature 1. ``max_tokens`` counts the end token. Top-p and top-k do not exist, because
    training on the log-probs of a truncated distribution would need the set of kept tokens.
    """

    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """Rendered prompt with its task, its role, and the seed of its responses."""

    task_id: str
    role: Role
    token_ids: tuple[int, ...]
    seed: int
    params: SamplingParams


Arrived = Callable[[int, Response], None]
"""Function called with each response as soon as it is complete: the index of its prompt, and the
response. Calls come one at a time, in any order, before `Sampler.sample` returns."""


def ignore_response(number: int, response: Response) -> None:
    """Do nothing with a response: the default for `Arrived`."""


class Sampler(Protocol):
    """Interface of everything that samples responses from the current weights."""

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """Return ``n`` responses to each prompt, in the order of ``prompts``.

        Equal prompts, seeds and weights give equal responses.
        """
        ...


def sampling_seed(run_seed: int, step: int, task_id: str, player: str) -> int:
    """Return the seed of one prompt's responses: a 63-bit hash of everything that identifies it.

    ``player`` is the role, or another name where another policy answers the same prompt. With such
    seeds a step can be sampled again, in full or in part, in any order.
    """
    key = f"{run_seed}\0{step}\0{task_id}\0{player}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


def response_seed(prompt_seed: int, index: int) -> int:
    """Return the seed of a prompt's response number ``index``: 63 bits, the most that vLLM
    accepts."""
    digest = hashlib.sha256(f"{prompt_seed}\0{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
