"""Adapters as vLLM serves them: which it takes, and the rank it must be started for.

From vLLM 0.32's sources: ``config/lora.py`` (ranks), ``lora/peft_helper.py`` (what it refuses of
a PEFT configuration) and ``lora/utils.py`` (layers). It adapts linear layers. Embeddings and the
output matrix are not among them for every architecture, and where the two are one matrix, an
adapter on either is two different things to PEFT and to vLLM. An adapter that is not taken
travels merged into the whole weights instead.
"""

from __future__ import annotations

from collections.abc import Collection

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that ``--max-lora-rank`` may have."""
_LARGEST_VOCABULARY = 258_048
"""Tokens beyond which vLLM's logits cannot be computed with adapters loaded."""
_ENDS = frozenset({"embed_tokens", "lm_head", "wte", "embed_out", "embed_in"})
"""Embeddings and output matrices, by the last part of their names."""


def served_rank(rank: int) -> int:
    """The ``--max-lora-rank`` that takes adapters of ``rank``."""
    return next(r for r in _RANKS if r >= rank)


def why_merged(rank: int, adapted: Collection[str], vocabulary: int) -> str | None:
    """Why vLLM cannot serve an adapter of ``rank`` on the modules named ``adapted`` beside a
    vocabulary of so many tokens; None where it can."""
    if rank > _RANKS[-1]:
        return f"its rank {rank} is beyond {_RANKS[-1]}"
    if vocabulary > _LARGEST_VOCABULARY:
        return f"its vocabulary of {vocabulary:,} tokens is beyond {_LARGEST_VOCABULARY:,}"
    ends = sorted({n.rpartition(".")[2] for n in adapted} & _ENDS)
    if ends:
        return f"it adapts {' and '.join(ends)}"
    return None
