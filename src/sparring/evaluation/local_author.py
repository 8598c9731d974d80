"""A checkpoint or hub id as an `Author`. Torch is loaded when one is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.errors import ConfigError, ModelError
from sparring.microworld import NANO_DIR
from sparring.policy.chat.base import Author
from sparring.policy.local.detokenize import kept_tokens
from sparring.policy.settings import Precision
from sparring.prompts.settings import PromptSettings

if TYPE_CHECKING:
    from sparring.policy.local.chat import Loaded

END_TOKEN = "--end-token"


def local_author(
    place: str,
    rows: int,
    prompts: PromptSettings,
    max_tokens: int,
    end_tokens: Sequence[str],
    precision: Precision | None = None,
) -> Author:
    """The model in ``place``; ``end_tokens`` end its responses as well as those of its files.
    Raises `ConfigError` and `ModelError`."""
    try:
        from sparring.policy.ends import end_ids_on_disk
        from sparring.policy.local.chat import LocalModel, directory_identity
    except ImportError as error:
        raise ModelError(
            f"{place}: a local model needs {error.name}; pip install 'sparring[train]'"
        ) from None
    path = str(NANO_DIR) if place == "nano" else place
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", place) and not Path(place).exists():
        raise ConfigError(f"{place}: the address of a server begins with http:// or https://")

    def load() -> Loaded:
        return _loaded(path, prompts, max_tokens, end_tokens, precision)

    if Path(path).is_dir():
        for name in ("config.json", "tokenizer_config.json"):
            if not (Path(path) / name).exists():
                raise ModelError(
                    f"{place}: has no {name}; name the directory of a transformers checkpoint"
                )
        identity, tokenizer, first = directory_identity(Path(path)), _tokenizer(path), None
    else:
        first = load()  # which revision a hub id means shows when it is loaded
        tokenizer = first.tokenizer
        revision = getattr(first.model.config, "_commit_hash", None)
        identity = {"kind": "hub", "id": place, "revision": revision}
    ends = end_ids_on_disk(path, tokenizer, end_tokens, END_TOKEN)
    identity |= _identity_of_texts(tokenizer, prompts, end_tokens)
    if precision is not None:
        identity["precision"] = precision
    return LocalModel(path, identity, load, rows, first, tokenizer, ends, prompts.marks)


def _identity_of_texts(
    tokenizer: Any, prompts: PromptSettings, end_tokens: Sequence[str]
) -> dict[str, Any]:
    """What a response's text follows from beside the model: nothing in the usual case."""
    kept = sorted(kept_tokens(tokenizer, prompts.marks).values())
    named = {"kept": kept, "end_tokens": sorted(set(end_tokens))}
    return {name: value for name, value in named.items() if value}


def _tokenizer(place: str) -> Any:
    """The tokenizer alone: the weights may not be needed."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise ModelError(f"{place}: has no tokenizer: {str(error).splitlines()[0]}") from None


def _loaded(
    path: str,
    prompts: PromptSettings,
    max_tokens: int,
    end_tokens: Sequence[str],
    precision: Precision | None,
) -> Loaded:
    import torch

    from sparring.learner.masters import cast, torch_type
    from sparring.policy.ends import add_end_tokens
    from sparring.policy.local.chat import Loaded
    from sparring.policy.model import check_causal, load_model
    from sparring.prompts.render import check_room, prompt_ids, prompt_text

    model, tokenizer = load_model(path)
    add_end_tokens(model, tokenizer, end_tokens, END_TOKEN)
    check_causal(model)
    cast(model, torch_type(precision or Precision.FLOAT32))
    if torch.cuda.is_available():
        model = model.to("cuda")
    room = getattr(model.config, "max_position_embeddings", None)

    def rendered(messages: Sequence[str], task_ids: Sequence[str]) -> list[tuple[int, ...]]:
        texts = [prompt_text(tokenizer, m, prompts.template_options) for m in messages]
        ids = prompt_ids(tokenizer, texts, prompts.max_tokens, task_ids)
        check_room(room, ids, task_ids, max_tokens, "--max-tokens")
        return ids

    return Loaded(model, tokenizer, rendered)
