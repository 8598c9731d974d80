"""Token ids of a response as its text, with the marks of reasoning and without an end token.

A model's reasoning marks may be special tokens of its tokenizer (``[THINK]``,
``<|channel|>``), which a plain decoding leaves out. A reader that looks for
them would then take a draft for the answer. So the special tokens that a mark
is made of are kept, and the other special tokens are dropped as ever. The
text of a model whose marks are ordinary text is what ``skip_special_tokens``
gives, to the byte.

The end token is cut by its id: it need not be a special one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Marks = Sequence[str]
"""Texts that reasoning begins and ends with. Each may be several tokens."""


class Detokenizer:
    """The texts of a model's responses."""

    def __init__(self, tokenizer: Any, end_ids: Collection[int], marks: Marks = ()) -> None:
        """``tokenizer`` is one of `transformers`; ``end_ids`` end a response."""
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)
        kept = kept_tokens(tokenizer, marks)
        self._dropped = frozenset(special_tokens(tokenizer)) - kept.keys() if kept else None
        """Special tokens that are no part of a mark; None where the tokenizer drops them all."""

    def text(self, ids: Sequence[int]) -> str:
        """The text of one response."""
        return self.texts([ids])[0]

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The texts of responses, each ``ids`` with its end token if it has one."""
        dropped = self._dropped
        cut = [list(ids[:-1] if ids and ids[-1] in self._end_ids else ids) for ids in rows]
        if dropped is not None:
            cut = [[i for i in ids if i not in dropped] for ids in cut]
        found: list[str] = self._tokenizer.batch_decode(
            cut,
            skip_special_tokens=dropped is None,
            clean_up_tokenization_spaces=False,  # it takes blanks out of programs
        )
        return found


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """The special tokens of a tokenizer, by id: those that decoding may leave out."""
    added = {i: t.content for i, t in tokenizer.added_tokens_decoder.items() if t.special}
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return {**added, **named}


def kept_tokens(tokenizer: Any, marks: Marks) -> dict[int, str]:
    """The special tokens that ``marks`` are made of, by id."""
    if not any(marks):
        return {}
    return {
        i: token
        for i, token in special_tokens(tokenizer).items()
        if token and any(token in mark for mark in marks)
    }
