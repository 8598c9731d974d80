"""End tokens that a user names, put among those of a model's files.

A base model's files name the end of a document alone, while its chat template
ends a turn with another token: the model would go on with turns of its own.
What is named here stands in the model's generation config. Every sampler
takes its end tokens from there, and so does who loads a saved checkpoint.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig, GenerationConfig, PreTrainedModel

from sparring.errors import ModelError

_SHOWN = 8
"""Most special tokens that an error lists."""


def add_end_tokens(
    model: PreTrainedModel, tokenizer: Any, names: Sequence[str], setting: str
) -> None:
    """Let the tokens ``names`` end responses as well. Raises `ModelError` for one that is no token;
    ``setting`` is where the user has named it."""
    if not names:
        return
    config = model.generation_config
    before = config.eos_token_id
    ids = {*(before if isinstance(before, list) else [before]), tokenizer.eos_token_id} - {None}
    config.eos_token_id = sorted(ids | {end_token_id(tokenizer, n, setting) for n in names})


def end_ids_on_disk(place: str, tokenizer: Any, names: Sequence[str], setting: str) -> list[int]:
    """The ids that would end a response of the model in ``place``, by its files, with ``names``
    among them: the weights are not needed. Raises `ModelError`."""
    try:
        found = GenerationConfig.from_pretrained(place).eos_token_id
    except (OSError, ValueError):  # it has none: then its configuration counts
        try:
            text = AutoConfig.from_pretrained(place).get_text_config(decoder=True)
            found = getattr(text, "eos_token_id", None)
        except (OSError, ValueError):
            found = None  # loading the model will say what is wrong
    ids = {*(found if isinstance(found, list) else [found]), tokenizer.eos_token_id} - {None}
    return sorted(ids | {end_token_id(tokenizer, n, setting) for n in names})


def end_token_id(tokenizer: Any, name: str, setting: str) -> int:
    """The id of a token by its text. Raises `ModelError`, with what was probably meant."""
    known = tokenizer.get_vocab()
    if name in known:
        return int(known[name])
    ids = tokenizer.encode(name, add_special_tokens=False)
    if len(ids) == 1 and tokenizer.decode(ids) == name:  # "\n" has another name in the vocabulary
        return int(ids[0])
    added = [t.content for _, t in sorted(tokenizer.added_tokens_decoder.items())]
    close = difflib.get_close_matches(name, added, n=1, cutoff=0.5)
    listed = ", ".join(added[:_SHOWN]) + (", …" if len(added) > _SHOWN else "")
    hint = f"did you mean {close[0]}?" if close else f"its special tokens are {listed or 'none'}"
    raise ModelError(f"{setting}: {name!r} is no token of the model; {hint}")
