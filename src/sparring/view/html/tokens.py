"""Text of single tokens, where a tokenizer is available.

A token may be half a character, so ids are decoded as a stream. Ids without a text of their own
join the next id that has one, and their log-probs are added, because the probability of a piece is
the product of its tokens' probabilities. The page shows token ids instead where the `tokenizers`
package is missing, or where neither the run's newest checkpoint nor the model's directory nor the
package has a tokenizer.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.policy.place import model_place

FILE = "tokenizer.json"


class TokenPieces:
    """Decoder of the tokens of one run."""

    def __init__(self, tokenizer: Any, stream: Any) -> None:
        self._tokenizer = tokenizer
        self._stream = stream

    @classmethod
    def of_run(cls, checkpoint: Path | None, model: str | None) -> TokenPieces | None:
        """Return the decoder of a run, or None where no tokenizer is available."""
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
        """Decode ids to one text, special tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def cut(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """Decode ids to pieces of text, each with the number of its ids."""
        stream = self._stream(skip_special_tokens=False)
        pieces: list[tuple[str, int]] = []
        pending = 0
        for token in ids:
            pending += 1
            piece = stream.step(self._tokenizer, token)
            if piece is not None:
                pieces.append((piece, pending))
                pending = 0
        return [*pieces, ("\ufffd", pending)] if pending else pieces


def token_record(
    pieces: TokenPieces | None, response: Mapping[str, Any], most: int
) -> list[list[str | int | None]]:
    """Return the first ``most`` tokens of a response as [text, log-prob in hundredths of a nat].

    The text is ``#ID`` where there is no tokenizer. An unknown log-prob is None.
    """
    ids, logprobs = response["token_ids"][:most], response["logprobs"][:most]
    parts = pieces.cut(ids) if pieces else [(f"#{i}", 1) for i in ids]
    tokens: list[list[str | int | None]] = []
    at = 0
    for text, count in parts:
        values = logprobs[at : at + count]
        logprob = None if None in values else round(100 * sum(values))
        tokens.append([text, logprob])
        at += count
    return tokens
