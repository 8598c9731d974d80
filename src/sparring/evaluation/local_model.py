"""Chat model from a checkpoint or hub id. Torch is loaded only when such a model is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.errors import ModelError
from sparring.evaluation.options import ModelSpec
from sparring.extras import extra
from sparring.policy.chat.base import ChatModel
from sparring.policy.local.detokenize import kept_tokens
from sparring.policy.place import directory_digest, find_model, refuse_address
from sparring.policy.settings import Precision
from sparring.prompts.settings import PromptSettings

if TYPE_CHECKING:
    from sparring.policy.local.chat import LoadedModel

END_TOKEN = "--end-token"


def local_chat_model(
    spec: ModelSpec, rows: int, prompts: PromptSettings, max_tokens: int
) -> ChatModel:
    """Return the chat model of a checkpoint or hub id, for batches of at most ``rows`` responses.

    The user's end tokens end responses in addition to those in the model's files. Raises
    `ConfigError` and `ModelError`.
    """
    place, end_tokens, precision = spec.place, spec.end_tokens, spec.precision
    try:
        with extra("train", f"{place}: a local model"):
            from sparring.policy.ends import end_ids_on_disk
            from sparring.policy.local.chat import LocalModel
            from sparring.policy.model import load_tokenizer
    except ModelError:
        refuse_address(place)  # an address without http:// is the likelier mistake
        raise
    path = find_model(place)

    def load() -> LoadedModel:
        return _loaded(path, prompts, max_tokens, end_tokens, precision)

    first: LoadedModel | None = None
    identity: dict[str, Any]
    if Path(path).is_dir():
        identity = {"kind": "local", "sha256": directory_digest(Path(path))}
        # The weights are loaded when a response is wanted: all may be recorded already.
        tokenizer = load_tokenizer(path)
    else:
        first = load()  # only loading shows which revision a hub id means
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
    """Return the settings, apart from the model, that change a response's text; usually none."""
    kept = sorted(kept_tokens(tokenizer, prompts.marks).values())
    settings = {"kept": kept, "end_tokens": sorted(set(end_tokens))}
    return {name: value for name, value in settings.items() if value}


def _loaded(
    path: str,
    prompts: PromptSettings,
    max_tokens: int,
    end_tokens: Sequence[str],
    precision: Precision | None,
) -> LoadedModel:
    import torch

    from sparring.policy.local.chat import LoadedModel
    from sparring.policy.model import load_frozen
    from sparring.policy.precision import torch_type
    from sparring.prompts.render import check_positions, prompt_ids, prompt_text

    device = "cuda" if torch.cuda.is_available() else None
    dtype = torch_type(precision or Precision.FLOAT32)
    model, tokenizer = load_frozen(path, end_tokens, END_TOKEN, dtype, device)
    context_length = getattr(model.config, "max_position_embeddings", None)

    def rendered(messages: Sequence[str], task_ids: Sequence[str]) -> list[tuple[int, ...]]:
        texts = [prompt_text(tokenizer, m, prompts.template_options) for m in messages]
        ids = prompt_ids(tokenizer, texts, prompts.max_tokens, task_ids)
        check_positions(context_length, ids, task_ids, max_tokens, "--max-tokens")
        return ids

    return LoadedModel(model, tokenizer, rendered)
