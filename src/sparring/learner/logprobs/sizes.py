"""Number of logits that exist at one time, without torch; the memory estimate uses it too."""

from __future__ import annotations

CHUNK_BYTES = 1 << 28
"""Bytes of float32 logits in a chunk on a CPU, where no length of chunks is set."""
CACHE_BYTES = 1 << 22
"""Bytes of float32 logits that a CPU makes at one time, from a chunk whose logits have the weights'
data type."""


def chunk_tokens(vocabulary: int, gpu_bytes: float | None) -> int:
    """Return the default number of tokens in a chunk of logits.

    On a CPU (``gpu_bytes`` None) their float32 logits take 256 MiB. On a GPU they take a 32nd of
    its memory, for large matrix products, but at most 4,096 tokens. ``gpu_bytes`` is the total
    memory, not the free memory, so that the number is the same in every pass of a run.
    """
    if gpu_bytes is None:
        return max(1, CHUNK_BYTES // (4 * vocabulary))
    tokens = max(CHUNK_BYTES, int(gpu_bytes / 32)) // (4 * vocabulary)
    return max(1, min(4096, tokens), CHUNK_BYTES // (4 * vocabulary))
