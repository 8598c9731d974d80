"""Models and what they are asked, for the sampling benchmark.

Where responses end decides what sampling them costs. `nano` and a checkpoint end them where they
will. Random weights of the size of SmolLM2-135M or Qwen2.5-0.5B would go on for ever: a bias on
the end token's logit, a property of the model and so the same for whoever samples it, lets it come
once in 40 tokens. The same bias, the other way, makes an end impossible (`ends`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from sparring.microworld import NANO_DIR
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.policy.local.sampler import end_token_ids
from sparring.policy.model import load_model
from sparring.prompts.render import prompt_ids, prompt_text

QUESTIONS = (
    "What is the capital of France? Answer with one word.",
    "Write a Python function that returns the largest of three numbers.",
    "Is 91 a prime number? Answer yes or no.",
    "Write one sentence about the sea.",
    "Write a Python program that reads n and then n integers, and prints their sum.",
    "Name three colours.",
    "What does `sorted(xs)[::-1]` return? Say it in one sentence.",
    "Explain in a paragraph why a test that every program passes tells us little about them.",
)
"""Some ask for long answers, some for short ones."""


@dataclass(frozen=True)
class Subject:
    """A model, its tokenizer and the prompts that it is asked; ``end_bias`` is added to the logits
    of the tokens that end a response."""

    name: str
    model: Any
    tokenizer: Any
    prompts: list[tuple[int, ...]]
    end_bias: float = 0.0
    note: str = ""

    @property
    def end_ids(self) -> list[int]:
        return end_token_ids(self.model, self.tokenizer)


class Numbers:
    """Ids as text: random weights have no tokenizer."""

    eos_token_id = 2

    def batch_decode(self, rows: list[list[int]], **_: object) -> list[str]:
        return [" ".join(map(str, row)) for row in rows]


def subject_of(name: str) -> Subject:
    """``nano``, ``smollm2`` or ``qwen0.5b`` (random weights of that size), or a checkpoint's
    directory."""
    made = {"nano": _nano, "smollm2": _random_smollm2, "qwen0.5b": _random_qwen}
    return made[name]() if name in made else _checkpoint(name)


def cast_subject(subject: Subject, dtype: torch.dtype) -> Subject:
    """The same with a copy of its model in this type."""
    model = copy.deepcopy(subject.model).requires_grad_(False).to(dtype)
    return replace(subject, model=model)


def _nano() -> Subject:
    """The embedded model, asked for tests as in its recipe."""
    model, tokenizer = load_model(str(NANO_DIR))
    tasks = microworld_tasks(Split.TRAIN, 128, 0)
    texts = [prompt_text(tokenizer, f"Test: {t.statement}", {}) for t in tasks]
    ids = prompt_ids(tokenizer, texts, 128, [t.id for t in tasks])
    return Subject("nano", model, tokenizer, ids)


def _checkpoint(path: str) -> Subject:
    model, tokenizer = load_model(path)
    texts = [prompt_text(tokenizer, q, {}) for q in QUESTIONS]
    ids = prompt_ids(tokenizer, texts, 512, [str(i) for i in range(len(texts))])
    return Subject(Path(path).name, model, tokenizer, ids)


def _random_smollm2() -> Subject:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    sizes = (38, 44, 45, 37, 49, 34, 46, 50)
    return _random("smollm2", LlamaForCausalLM(config).eval(), sizes)


def _random_qwen() -> Subject:
    """Prompts as long as those of the paper's data sets by the tokenizer of Qwen2.5 (a statement
    with its examples: 150 to 400 tokens)."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    sizes = (212, 158, 240, 187, 305, 171, 226, 263)
    return _random("qwen0.5b", Qwen2ForCausalLM(config).eval(), sizes)


def _random(name: str, model: Any, sizes: Sequence[int]) -> Subject:
    """Prompts of these sizes for random weights, whose responses end after 40 tokens on average."""
    rng = np.random.default_rng(0)
    vocabulary = model.config.vocab_size
    ids = [tuple(map(int, rng.integers(3, vocabulary, size))) for size in sizes]
    bias = end_bias(vocabulary, 40)
    note = f"(random weights, the end token's logit raised by {bias:.1f})"
    return Subject(name, model, Numbers(), ids, bias, note)


def end_bias(vocabulary: int, length: int) -> float:
    """What makes one of ``vocabulary`` equally likely tokens come once in ``length``."""
    return float(np.log((vocabulary - 1) / (length - 1)))


@contextmanager
def ends(subject: Subject, never: bool) -> Iterator[None]:
    """The model with its bias on the end tokens, or with one that makes them impossible."""
    head = subject.model.get_output_embeddings()
    bias = torch.zeros(head.weight.shape[0], dtype=head.weight.dtype)
    bias[subject.end_ids] = -1e9 if never else subject.end_bias
    head.bias = torch.nn.Parameter(bias, requires_grad=False) if bias.any() else None
    try:
        yield
    finally:
        head.bias = None
