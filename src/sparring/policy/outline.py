"""A model without its weights: where its files lie, its configuration, its tokenizer.

That is all that is needed of one which a server computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import AutoConfig, PretrainedConfig

from sparring.errors import ModelError
from sparring.policy.model import explained_loading, load_tokenizer
from sparring.policy.place import find_model

_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
"""Of a hub's repository: what a server loads."""


@dataclass(frozen=True, slots=True)
class Outline:
    """``place`` is a directory with all of the model's files."""

    place: Path
    config: PretrainedConfig
    tokenizer: Any

    @classmethod
    def of(cls, name: str) -> Outline:
        """That of a directory or hub id, whose files are fetched. Raises `ModelError`."""
        found = find_model(name)
        with explained_loading(name):
            local = Path(found).is_dir()
            place = Path(found if local else snapshot_download(found, allow_patterns=_FILES))
            config = AutoConfig.from_pretrained(place)
        tokenizer = load_tokenizer(str(place))
        if not any(place.glob("*.safetensors")):
            raise ModelError(f"{name}: has no weights as safetensors, which a server loads")
        return cls(place.absolute(), config, tokenizer)

    @property
    def positions(self) -> int | None:
        """The longest sequence that it computes, if it says."""
        text = self.config.get_text_config(decoder=True)
        return getattr(text, "max_position_embeddings", None)
