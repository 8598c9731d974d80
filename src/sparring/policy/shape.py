"""Sizes and parameter counts of a model, from its config.json alone, without torch and weights.

Supported are the families of the usual form: attention with grouped keys and values, a gated MLP,
RMS norms. The counts are exact; tests compare them with `transformers`' own models. Any other
family is an error that names the supported ones, because a wrong count would be worse than none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.errors import ModelError

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")

PACKED_FROM = 10_000_000
"""Smallest number of parameters of a float32 model whose weights sampling on a CPU packs."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of a decoder. ``query`` and ``key`` are heads × head size, of queries and of keys;
    values have the sizes of keys."""

    family: str
    vocabulary: int
    hidden: int
    inner: int
    layers: int
    query: int
    key: int
    head: int
    tied: bool
    attention_bias: bool
    mlp_bias: bool
    positions: int | None
    """Longest sequence in tokens; None if the configuration names none."""

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Return a layer's matrices by name, as (inputs, outputs)."""
        h, q, k, i = self.hidden, self.query, self.key, self.inner
        return {
            "q_proj": (h, q),
            "k_proj": (h, k),
            "v_proj": (h, k),
            "o_proj": (q, h),
            "gate_proj": (h, i),
            "up_proj": (h, i),
            "down_proj": (i, h),
        }

    @property
    def layer(self) -> int:
        """Return the number of parameters of a layer."""
        total = sum(inputs * outputs for inputs, outputs in self.linears.values())
        if self.attention_bias:
            total += self.query + 2 * self.key
            total += self.hidden if self.family != "qwen2" else 0  # qwen2's output has no bias
        if self.mlp_bias:
            total += 2 * self.inner + self.hidden
        if self.family == "qwen3":
            total += 2 * self.head  # norms of queries and keys
        return total + 2 * self.hidden

    @property
    def embedding(self) -> int:
        """Return the number of parameters of the token embedding."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Return the number of all parameters. Tied embeddings count once."""
        return self.layers * self.layer + self.hidden + self.embedding * (1 if self.tied else 2)

    def adapter(self, rank: int, targets: Sequence[str]) -> int:
        """Return the number of parameters of a LoRA adapter: rank × (inputs + outputs), summed over
        the adapted matrices.

        ``all-linear`` stands for every matrix of the layers. Raises `ModelError` for a layer that
        the model does not have.
        """
        ends = {"lm_head": (self.hidden, self.vocabulary)}
        total = 0
        for target in self.linears if list(targets) == ["all-linear"] else targets:
            name = target.rpartition(".")[2]
            if name in self.linears:
                total += self.layers * sum(self.linears[name])
            elif name in ends:
                total += sum(ends[name])
            else:
                raise ModelError(f"model.lora_targets: the model has no layer {target}")
        return rank * total


def read_shape(path: Path) -> ModelShape:
    """Return the shape in a config.json. Raises `ModelError`."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from None
    return shape_of(config, str(path))


def shape_of(config: Mapping[str, Any], where: str) -> ModelShape:
    """Return the shape in the parsed data of a config.json, with `transformers`' defaults for
    missing values. ``where`` names the file in errors. Raises `ModelError`."""
    if not isinstance(config, Mapping):
        raise ModelError(f"{where}: not a model's configuration")
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ModelError(
            f"{where}: the parameters of the model type {family} cannot be counted from its "
            f"configuration; supported types: {', '.join(FAMILIES)}"
        )

    def number(name: str, default: int | None = None) -> int:
        value = config.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelError(f"{where}: {name} is {value!r}, not a whole number of at least 1")
        return value

    hidden, heads = number("hidden_size"), number("num_attention_heads")
    head = number("head_dim", 128 if family == "qwen3" else hidden // heads)
    keys = number("num_key_value_heads", heads)
    return ModelShape(
        family=family,
        vocabulary=number("vocab_size"),
        hidden=hidden,
        inner=number("intermediate_size"),
        layers=number("num_hidden_layers"),
        query=heads * head,
        key=keys * head,
        head=head,
        tied=bool(config.get("tie_word_embeddings", False)),
        attention_bias=family == "qwen2" or bool(config.get("attention_bias", False)),
        mlp_bias=family == "llama" and bool(config.get("mlp_bias", False)),
        positions=number("max_position_embeddings")
        if config.get("max_position_embeddings") is not None
        else None,
    )
