"""How many logits there are at once, without torch: the memory estimate goes by it too."""

from __future__ import annotations

CHUNK_BYTES = 1 << 28
"""Of the float32 logits of a chunk whose length is not given, on a CPU."""
CACHE_BYTES = 1 << 22
"""Float32 logits that a CPU works on at once, of a chunk whose logits are in the weights' type."""


def chunk_tokens(vocabulary: int, gpu_bytes: float | None) -> int:
    """Tokens that have logits at once where that is not given: 256 MiB of them on a CPU
    (``gpu_bytes`` None), and on a GPU a 32nd of its memory, at most 4,096 tokens, so that its
    matrix products are large ones. By all of the memory and not by what is free: the same in
    every pass of a run."""
    if gpu_bytes is None:
        return max(1, CHUNK_BYTES // (4 * vocabulary))
    tokens = max(CHUNK_BYTES, int(gpu_bytes / 32)) // (4 * vocabulary)
    return max(1, min(4096, tokens), CHUNK_BYTES // (4 * vocabulary))
