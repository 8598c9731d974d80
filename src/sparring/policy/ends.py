"""End tokens that a user names, added to the end tokens in a model's files.

The files of a base model name only the token that ends a document, while its chat template ends a
turn with another token. If the second token is not an end token too, the model continues with
further turns. Named end tokens enter the model's generation config. Every sampler takes its end
tokens from there, and so does every program that loads a saved checkpoint.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig, GenerationConfig, PreTrainedModel

from sparring.errors import ModelError

_SHOWN = 8
"""Largest number of special tokens that an error lists."""


def add_end_tokens(
    model: PreTrainedModel, tokenizer: Any, names: Sequence[str], setting: str
) -> None:
    """Add the tokens ``names`` to the model's end tokens. Raises `ModelError` for a name that is no
    token; ``setting`` is the option in which the user named it."""
    if not names:
        return
    config = model.generation_config
    own = config.eos_token_id
    ids = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id} - {None}
    config.eos_token_id = sorted(ids | {end_token_id(tokenizer, n, setting) for n in names})


def end_ids_on_disk(place: str, tokenizer: Any, names: Sequence[str], setting: str) -> list[int]:
    """Return the ids of the end tokens of the model in ``place``, from its files, with ``names``
    added. Loads no weights. Raises `ModelError`."""
    try:
        own = GenerationConfig.from_pretrained(place).eos_token_id
    except (OSError, ValueError):  # no generation config: the model's configuration counts
        try:
            text = AutoConfig.from_pretrained(place).get_text_config(decoder=True)
            own = getattr(text, "eos_token_id", None)
        except (OSError, ValueError):
            own = None  # loading the model will report the problem
    ids = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id} - {None}
    return sorted(ids | {end_token_id(tokenizer, n, setting) for n in names})


def end_token_id(tokenizer: Any, name: str, setting: str) -> int:
    """Return the id of a token by its text. Raises `ModelError`, which suggests a similar token."""
    vocabulary = tokenizer.get_vocab()
    if name in vocabulary:
        return int(vocabulary[name])
    ids = tokenizer.encode(name, add_special_tokens=False)
    if len(ids) == 1 and tokenizer.decode(ids) == name:  # "\n" has another name in the vocabulary
        return int(ids[0])
    added = [t.content for _, t in sorted(tokenizer.added_tokens_decoder.items())]
    close = difflib.get_close_matches(name, added, n=1, cutoff=0.5)
    listed = ", ".join(added[:_SHOWN]) + (", …" if len(added) > _SHOWN else "")
    hint = f"did you mean {close[0]}?" if close else f"its special tokens are {listed or 'none'}"
    raise ModelError(f"{setting}: {name!r} is no token of the model; {hint}")
