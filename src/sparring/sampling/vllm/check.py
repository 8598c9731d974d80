"""Is it the right server, and has it the right weights?

Before anything is sampled: the server's version, and that its tokenizer turns
texts into the ids that ours does and back; a model that merely has the same
shape would answer, in another language of ids. After the weights were
exchanged: a few responses, sampled at two temperatures, have the log-probs
that the trainer's own model gives them. That sees weights that did not
arrive, log-probs before the temperature, and another precision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sparring.errors import RunError
from sparring.sampling.base import Prompt, SamplingParams
from sparring.sampling.vllm.client import Client, response_seed

OLDEST = (0, 32)
"""vLLM versions before this have no label for weights."""
_TEXTS = (
    "def f(a, b):\n    return a + b  # 17\n",
    "**Test Input:**\n```\n3 -1 2048\n```\n",
    "Größe ≤ 10⁹, “naïve” λ → 数",
)
_HEATS = (1.0, 0.7)
_PROBES = 4
_TOKENS = 32

Score = Callable[[Sequence[int], Sequence[int], float], Sequence[float]]
"""The trainer's log-probs of response tokens after a prompt, at a temperature."""
Encode = Callable[[str], list[int]]
Decode = Callable[[Sequence[int]], str]


def check_identity(client: Client, encode: Encode, decode: Decode, words: int) -> str:
    """The server's version. ``words`` is how many tokens we know.

    Raises `RunError` for a server that is too old or has another tokenizer, and
    `Unanswered`.
    """
    version = client.version()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise RunError(
            f"{client.url}: is vLLM {version}; weights are exchanged with "
            f"{OLDEST[0]}.{OLDEST[1]} or newer"
        )
    for text in _TEXTS:
        if client.tokenize(text) != encode(text):
            raise RunError(
                f"{client.url}: serves {client.model()} with another tokenizer than the trained "
                f"model's ({text[:20]!r} gives other ids); start it with that model"
            )
    spread = [i * (words - 1) // 7 for i in range(8)]
    for token in spread:
        if client.detokenize([token]) != decode([token]):
            raise RunError(
                f"{client.url}: serves {client.model()} with another vocabulary than the trained "
                f"model's (token {token} is another); start it with that model"
            )
    return version


def probes(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Short questions made of the first prompts, at each temperature."""
    return [
        replace(
            p,
            seed=response_seed(p.seed, -1),
            params=SamplingParams(heat, min(_TOKENS, p.params.max_tokens)),
        )
        for p in prompts[:_PROBES]
        for heat in _HEATS
    ]


def logprob_gap(
    client: Client, asked: Sequence[Prompt], end_ids: Sequence[int], score: Score, at_once: int
) -> float:
    """Mean distance, in nats, between the server's log-probs and ``score``'s over sampled tokens,
    ``at_once`` requests at a time.

    Raises `Unanswered`.
    """
    with ThreadPoolExecutor(min(len(asked), at_once)) as each:
        came = list(each.map(lambda p: client.complete(p, p.seed, end_ids), asked))
    gaps: list[float] = []
    for prompt, found in zip(asked, came, strict=True):
        ours = score(prompt.token_ids, found.token_ids, prompt.params.temperature)
        gaps += [abs(a - b) for a, b in zip(found.logprobs, ours, strict=True)]
    return sum(gaps) / len(gaps)
