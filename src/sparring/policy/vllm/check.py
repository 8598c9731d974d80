"""Check of a server's identity: its version and its tokenizer, before anything is sampled.

The server's tokenizer must turn texts into the same ids as the trainer's, and back. Another model
of the same shape would answer as well, but its ids would stand for other texts. `probes` checks the
weights after they have been loaded.
"""

from __future__ import annotations

import re

from sparring.errors import RunError
from sparring.policy.vllm.client import Client
from sparring.policy.vllm.requests import Decode, Encode

OLDEST = (0, 32)
"""Oldest vLLM version that can label its weights."""
TEXTS = (
    "def f(a, b):\n    return a + b  # 17\n",
    "**Test Input:**\n```\n3 -1 2048\n```\n",
    "Größe ≤ 10⁹, “naïve” λ → 数",
)


def check_identity(client: Client, encode: Encode, decode: Decode, vocabulary: int) -> str:
    """Return the server's version. ``vocabulary`` is the trainer's number of tokens.

    Raises `RunError` for a server that is too old or has another tokenizer, and `Unanswered` if an
    answer is missing.
    """
    version = client.version()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise RunError(
            f"{client.url}: this server is vLLM {version}, which cannot exchange weights; use "
            f"{OLDEST[0]}.{OLDEST[1]} or newer"
        )
    for text in TEXTS:
        if client.tokenize(text) != encode(text):
            raise RunError(
                f"{client.url}: the tokenizer of {client.model()} differs from the trained "
                f"model's ({text[:20]!r} gives other ids); start the server with the trained model"
            )
    spread = [i * (vocabulary - 1) // 7 for i in range(8)]
    for token in spread:
        if client.detokenize([token]) != decode([token]):
            raise RunError(
                f"{client.url}: the vocabulary of {client.model()} differs from the trained "
                f"model's (in token {token}); start the server with the trained model"
            )
    return version
