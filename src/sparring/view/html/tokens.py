"""The text of single tokens, where a tokenizer is at hand.

A token may be half a character, so ids are decoded as a stream: ids that make
no text of their own join the next one that does, and their log-probs are
added (the probability of a piece is the product of its tokens'). Without the
`tokenizers` package, or a tokenizer.json in the run's newest checkpoint, in
the model's directory or in the package, there are no pieces, and the page
shows token ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.policy.place import model_place

FILE = "tokenizer.json"


class Pieces:
    """Decodes the tokens of one run."""

    def __init__(self, tokenizer: Any, stream: Any) -> None:
        self._tokenizer = tokenizer
        self._stream = stream

    @classmethod
    def of_run(cls, checkpoint: Path | None, model: str | None) -> Pieces | None:
        """The tokenizer of a run; None where none is at hand."""
        try:
            from tokenizers import Tokenizer
            from tokenizers.decoders import DecodeStream
        except ImportError:
            return None
        own = Path(model_place(model)) if model else None
        for place in (checkpoint, own):
            if place is not None and (place / FILE).is_file():
                return cls(Tokenizer.from_file(str(place / FILE)), DecodeStream)
        return None

    def text(self, ids: Sequence[int]) -> str:
        """All of them as one text, special tokens too."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def cut(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """Pieces of text, each with the number of ids that it is made of."""
        stream = self._stream(skip_special_tokens=False)
        found: list[tuple[str, int]] = []
        waiting = 0
        for token in ids:
            waiting += 1
            piece = stream.step(self._tokenizer, token)
            if piece is not None:
                found.append((piece, waiting))
                waiting = 0
        return [*found, ("\ufffd", waiting)] if waiting else found


def token_record(
    pieces: Pieces | None, response: Mapping[str, Any], most: int
) -> list[list[str | int | None]]:
    """The first ``most`` tokens of a response as [text, hundredths of a nat]: the text is
    ``#ID`` and the record carries a third entry, 1, where there is no tokenizer."""
    ids, logprobs = response["token_ids"][:most], response["logprobs"][:most]
    parts = pieces.cut(ids) if pieces else [(f"#{i}", 1) for i in ids]
    found: list[list[str | int | None]] = []
    at = 0
    for text, count in parts:
        values = logprobs[at : at + count]
        known = None if None in values else round(100 * sum(values))
        found.append([text, known])
        at += count
    return found
