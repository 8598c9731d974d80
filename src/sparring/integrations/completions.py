"""Completions as trainers pass them: a text, or the messages of a turn, whose text is an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import DataError
from sparring.policy.chat.base import has_reasoning
from sparring.prompts.rules import Reasoning

Completion = str | Sequence[Mapping[str, Any]] | None
"""Completion as a trainer passes it: a text, or the messages of a turn.

The model's last message has the answer; a tool's message may follow it. The content of a message
is a text, a list of parts, or None.
"""
_MODEL = ("assistant", "model")
"""Roles of a model's messages."""


def answer_text(completion: Completion, where: str, reasoning: Reasoning) -> str:
    """Return the text of the answer in a completion.

    ``where`` names the completion in messages. ``reasoning``: marks that `reading` will look for. A
    message whose reasoning is in a field of its own gets its closing mark, where an answer is
    looked for behind one. Raises `DataError`.
    """
    message = _message(completion, where)
    text = _text(message.get("content"), where)
    if reasoning.opened and has_reasoning(message):
        return reasoning.end + text
    return text


def _message(completion: Completion, where: str) -> Mapping[str, Any]:
    """Return the model's last message, or an empty one without any. Raises `DataError`."""
    if completion is None or isinstance(completion, str):
        return {"content": completion}
    if not isinstance(completion, Sequence) or isinstance(completion, bytes):
        raise DataError(f"{where}: is {type(completion).__name__}; give a text or messages")
    for message in reversed(completion):
        if not isinstance(message, Mapping):
            raise DataError(f"{where}: holds {type(message).__name__}, which is no message")
        if message.get("role", _MODEL[0]) in _MODEL:
            return message
    return {}


def _text(content: object, where: str) -> str:
    """Return the text of a message's content, or of its parts of type text. Raises `DataError`."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise DataError(f"{where}: its content is {type(content).__name__}; give a text or parts")
    parts = [p if isinstance(p, Mapping) else {"text": p} for p in content]
    texts = [p.get("text") for p in parts if p.get("type", "text") == "text"]
    return "".join(t for t in texts if isinstance(t, str))
