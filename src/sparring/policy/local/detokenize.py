"""Conversion of a response's token ids to text, with reasoning marks and without the end token.

A model's reasoning marks may be special tokens (``[THINK]``, ``<|channel|>``), which plain decoding
drops. Without the marks, the code that separates reasoning from the answer would take a draft for
the answer. So special tokens that are part of a mark are kept, and all others are dropped. For a
model whose marks are ordinary text, the result equals that of ``skip_special_tokens``, to the byte.

The end token is removed by its id, because it need not be a special token.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Marks = Sequence[str]
"""Texts that begin and end reasoning. Each may consist of several tokens."""


class Detokenizer:
    """Converter of a model's responses to text."""

    def __init__(self, tokenizer: Any, end_ids: Collection[int], marks: Marks = ()) -> None:
        """``tokenizer`` comes from `transformers`; ``end_ids`` are the ids of end tokens."""
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)
        kept = kept_tokens(tokenizer, marks)
        self._dropped = frozenset(special_tokens(tokenizer)) - kept.keys() if kept else None
        """Special tokens that belong to no mark; None if the tokenizer itself drops all special
        tokens."""

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of one response."""
        return self.texts([ids])[0]

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return the texts of responses, given as token ids, with or without an end token."""
        dropped = self._dropped
        cut = [list(ids[:-1] if ids and ids[-1] in self._end_ids else ids) for ids in rows]
        if dropped is not None:
            cut = [[i for i in ids if i not in dropped] for ids in cut]
        texts: list[str] = self._tokenizer.batch_decode(
            cut,
            skip_special_tokens=dropped is None,
            clean_up_tokenization_spaces=False,  # the clean-up would remove blanks from programs
        )
        return texts


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Return a tokenizer's special tokens by id. Decoding may drop these tokens."""
    added = {i: t.content for i, t in tokenizer.added_tokens_decoder.items() if t.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {**added, **named}


def kept_tokens(tokenizer: Any, marks: Marks) -> dict[int, str]:
    """Return the special tokens that are part of ``marks``, by id."""
    if not any(marks):
        return {}
    return {
        i: token
        for i, token in special_tokens(tokenizer).items()
        if token and any(token in mark for mark in marks)
    }
