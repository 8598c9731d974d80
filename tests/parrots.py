"""Tiny models that say one fixed text, whatever they are asked: for tests of what is read of it.

The position alone decides the next token, so that a model is right behind a
prompt of the length that it was made for, and weighs some hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

ASKED = "Double n."
PLAIN = (
    "{% for m in messages %}<u>{{ m['content'] }}</u>{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer(
    special: Sequence[str] = (),
    plain: Sequence[str] = (),
    end: str = "<|end|>",
    template: str | None = PLAIN,
) -> Any:
    """One token for each byte, and added tokens, some of them special; ``end`` is the end token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    inner.add_tokens([AddedToken(t, special=False, normalized=False) for t in plain])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=end)
    tokenizer.chat_template = template
    return tokenizer


def parrot(path: Path, tokenizer: Any, says: str, asked: str = ASKED, room: int = 400) -> Path:
    """Save a model that says ``says`` when it is asked ``asked``; it has ``room`` positions."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": asked}], tokenize=False, add_generation_prompt=True
    )
    first = len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) - 1
    ids = tokenizer(says, add_special_tokens=False)["input_ids"]
    assert first + len(ids) < room
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=room,
        n_embd=room,
        n_layer=1,
        n_head=1,
        n_inner=2,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.transformer.wpe.weight.copy_(torch.eye(room))
        model.transformer.ln_f.weight.fill_(1.0)
        for place, token in enumerate(ids, start=first):
            model.lm_head.weight[token, place] = 50.0
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
