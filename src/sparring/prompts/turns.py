"""The end of a turn in a chat template: the text that it writes behind an assistant's message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.prompts.render import Tokenizer

_ASKED, _ANSWERED = "What is six times seven?", "Six times seven is forty-two, as everybody knows."


def behind_an_answer(tokenizer: Tokenizer, options: Mapping[str, Any] | None = None) -> str:
    """Return the text behind a conversation's last answer, without white space around it. The text
    is empty if the tokenizer has no template, or if its template accepts no answer or writes
    nothing behind an answer."""
    if not tokenizer.chat_template:
        return ""
    turns = [
        {"role": "user", "content": _ASKED},
        {"role": "assistant", "content": _ANSWERED},
    ]
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, **(options or {}))
    except Exception:  # noqa: BLE001  # a template is code of the model's author, and only probed
        return ""
    _, answer, suffix = text.rpartition(_ANSWERED)
    return suffix.strip() if answer else ""
