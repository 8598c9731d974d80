"""Is it the right server, and has it the right weights?

Before anything is sampled: the server's version, and that its tokenizer turns
texts into the ids that ours does and back; a model that merely has the same
shape would answer, in another language of ids. After weights have come: see
`probes`.
"""

from __future__ import annotations

import re

from sparring.errors import RunError
from sparring.policy.vllm.client import Client
from sparring.policy.vllm.wanted import Decode, Encode

OLDEST = (0, 32)
"""vLLM versions before this have no label for weights."""
TEXTS = (
    "def f(a, b):\n    return a + b  # 17\n",
    "**Test Input:**\n```\n3 -1 2048\n```\n",
    "Größe ≤ 10⁹, “naïve” λ → 数",
)


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
    for text in TEXTS:
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
