"""Tokenizer of the nano model: byte-level BPE over words, with set phrases as tokens.

A word, a signed number or a single letter is one token wherever it stands. Each set phrase of
statements, programs and tests (`PHRASES`) is one token too: a set phrase involves no decision of
the model. So a prompt has about 25 tokens and an answer about 30.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 660
"""Number of BPE tokens; the phrases are added to them."""
END, PAD, USER, ASSISTANT = "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

_WORDS = r" ?-?\d+| ?[A-Za-z]+| ?[^\sA-Za-z\d]+|\s+"

PHRASES = (
    "**Test Input:**\n```\n",
    "\n**Test Output:**\n```\n",
    "\n```\nkeep:",
    "\n```\ntest:",
    "\nmap:",
    "\nfold:",
    "\nwork:",
    "\n```",
    "```python\nv = list(map(int, input().split()))\n",
    "```python\nv = input().split()\n",
    "```python\np, q, r = map(int, input().split())\n",
    "w = []\nfor x in v:\n    if ",
    ":\n        w.append(",
    ")\nif w:\n    print(",
    "]\nif w:\n    print(",
    ')\nelse:\n    print("none")\n```',
    ":\n    print(",
    ")\nelse:\n    print(",
    ")\n```",
    "]\nprint(",
    ")\nprint(",
    "w = [",
    " for x in v if ",
    " All are from -9 to 9 on one line, at least 3 different.",
    " All are from a to h on one line, at least 3 different.",
    " All are from 0 to 9 on one line, not all equal.",
    " Print none if nothing is left.",
    "Read three integers p, q and r. If",
    "Given integers p, q and r: when",
    "There are three integers p, q, r. Print",
)
"""Texts that players and statements repeat to the letter."""


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer on texts. The same texts always give the same tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    phrases = re.compile("|".join(re.escape(p) for p in sorted(PHRASES, key=len, reverse=True)))
    tokenizer.train_from_iterator((part for t in texts for part in phrases.split(t)), trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in PHRASES])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT],
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
