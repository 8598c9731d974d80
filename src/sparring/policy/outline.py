"""A model without its weights: where its files lie, its configuration, its tokenizer.

That is all that is needed of one which a server computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig

from sparring.errors import ModelError
from sparring.policy.model import check_place

_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
"""Of a hub's repository: what a server loads."""


@dataclass(frozen=True, slots=True)
class Outline:
    """``place`` is a directory with all of the model's files."""

    place: Path
    config: PretrainedConfig
    tokenizer: Any

    @classmethod
    def of(cls, path: str) -> Outline:
        """That of a directory or hub id, whose files are fetched. Raises `ModelError`."""
        check_place(path)
        local = Path(path)
        try:
            fetched = path if local.is_dir() else snapshot_download(path, allow_patterns=_FILES)
            place = Path(fetched)
            config = AutoConfig.from_pretrained(place)
            tokenizer = AutoTokenizer.from_pretrained(place)
        except Exception as error:  # noqa: BLE001  # what a broken checkpoint raises has no common type
            what = " ".join(str(error).split())[:200]
            raise ModelError(f"{path}: cannot be loaded: {type(error).__name__}: {what}") from None
        if not any(place.glob("*.safetensors")):
            raise ModelError(f"{path}: has no weights as safetensors, which a server loads")
        return cls(place.absolute(), config, tokenizer)

    @property
    def positions(self) -> int | None:
        """The longest sequence that it computes, if it says."""
        text = self.config.get_text_config(decoder=True)
        return getattr(text, "max_position_embeddings", None)
