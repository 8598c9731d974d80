"""LoRA adapters in vLLM: the adapters that it accepts, and the rank that it must be started with.

The rules come from vLLM 0.32's sources: ``config/lora.py`` (ranks), ``lora/peft_helper.py``
(refused PEFT configurations) and ``lora/utils.py`` (layers). vLLM adapts linear layers. For some
architectures the linear layers exclude the embeddings and the output matrix. Where embeddings and
output matrix are one matrix, PEFT and vLLM understand an adapter on it differently. An adapter that
vLLM does not accept is merged into the full weights before these are sent.
"""

from __future__ import annotations

from collections.abc import Collection

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that ``--max-lora-rank`` accepts."""
_LARGEST_VOCABULARY = 258_048
"""Largest vocabulary for which vLLM computes logits with adapters loaded."""
_ENDS = frozenset({"embed_tokens", "lm_head", "wte", "embed_out", "embed_in"})
"""Embeddings and output matrices, by the last part of their names."""


def served_rank(rank: int) -> int:
    """Return the smallest ``--max-lora-rank`` that accepts adapters of ``rank``."""
    return next(r for r in _RANKS if r >= rank)


def why_merged(rank: int, adapted: Collection[str], vocabulary: int) -> str | None:
    """Return why vLLM cannot serve an adapter of ``rank`` on the modules ``adapted`` of a model
    with ``vocabulary`` tokens; None if it can."""
    if rank > _RANKS[-1]:
        return f"its rank {rank} is beyond {_RANKS[-1]}"
    if vocabulary > _LARGEST_VOCABULARY:
        return f"its vocabulary of {vocabulary:,} tokens is beyond {_LARGEST_VOCABULARY:,}"
    ends = sorted({n.rpartition(".")[2] for n in adapted} & _ENDS)
    if ends:
        return f"it adapts {' and '.join(ends)}"
    return None
