"""Outline of a model without its weights: the place of its files, its configuration, its tokenizer.

If a server computes the model, this process needs nothing else.
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
"""Files of a hub repository that a server loads."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Model without weights; ``place`` is a directory with all of the model's files."""

    place: Path
    config: PretrainedConfig
    tokenizer: Any

    @classmethod
    def of(cls, name: str) -> Outline:
        """Return the outline of a directory or hub id; files of the hub are fetched. Raises
        `ModelError`."""
        source = find_model(name)
        with explained_loading(name):
            local = Path(source).is_dir()
            place = Path(source if local else snapshot_download(source, allow_patterns=_FILES))
            config = AutoConfig.from_pretrained(place)
        tokenizer = load_tokenizer(str(place))
        if not any(place.glob("*.safetensors")):
            raise ModelError(
                f"{name}: the model has no weights as safetensors, the form that a server loads"
            )
        return cls(place.absolute(), config, tokenizer)

    @property
    def positions(self) -> int | None:
        """Return the model's longest sequence in tokens, or None if its configuration names
        none."""
        text = self.config.get_text_config(decoder=True)
        return getattr(text, "max_position_embeddings", None)
