"""From a message to token ids, by the model's own chat template.

A tokenizer without a chat template gets a plain form: the message, a blank
line, and ``Answer:`` on a line of its own, after the tokenizer's own start
token if it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sparring.errors import ModelError

_OUR_OPTIONS_TEXT = (
    "conversation messages tokenize add_generation_prompt continue_final_message chat_template "
    "tools documents return_dict return_tensors"
)
_OUR_OPTIONS = frozenset(_OUR_OPTIONS_TEXT.split())
PLAIN = "{message}\n\nAnswer:\n"


class Tokenizer(Protocol):
    """The part of a `transformers` tokenizer that is used here."""

    chat_template: Any

    def apply_chat_template(self, conversation: list[dict[str, str]], **kwargs: Any) -> Any: ...

    def __call__(self, text: list[str], **kwargs: Any) -> Any: ...


def prompt_text(
    tokenizer: Tokenizer, message: str, options: Mapping[str, Any] | None = None
) -> str:
    """The whole prompt as text, up to where the model's answer begins.

    ``options`` are switches of the chat template, such as ``enable_thinking``.
    """
    if not tokenizer.chat_template:
        return PLAIN.replace("{message}", message)
    reserved = _OUR_OPTIONS & set(options or {})
    if reserved:
        raise ModelError(f"prompts.template_options: {min(reserved)} is not the template's to set")
    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}],
            tokenize=False,
            add_generation_prompt=True,
            **(options or {}),
        )
    except Exception as error:  # noqa: BLE001  # a template is code of the model's author
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"the model's chat template does not work: {what}") from None
    if message.strip() not in text:
        raise ModelError("the model's chat template leaves out or alters the message it is given")
    return text


def prompt_ids(
    tokenizer: Tokenizer, texts: Sequence[str], limit: int, task_ids: Sequence[str]
) -> list[tuple[int, ...]]:
    """Token ids of the prompts of tasks. Raises `ModelError` when one has more than ``limit``."""
    found = encoded(tokenizer, texts)
    for ids, task_id in zip(found, task_ids, strict=True):
        if (why := excess(ids, limit)) is not None:
            raise ModelError(f"task {task_id}: {why} or drop the task")
    return found


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Token ids of prompts. A chat template writes its own special tokens: none are added then."""
    found = tokenizer(list(texts), add_special_tokens=not tokenizer.chat_template)["input_ids"]
    return [tuple(ids) for ids in found]


def excess(
    ids: Sequence[int],
    limit: int,
    room: int | None = None,
    max_tokens: int = 0,
    setting: str = "",
) -> str | None:
    """Why a prompt is too long and which key to change; None where it is not: it has more than
    ``limit`` tokens, or with a response of ``max_tokens``, which the recipe calls ``setting``,
    exceeds a model of ``room`` positions (None: it has no limit)."""
    if len(ids) > limit:
        return (
            f"its prompt has {len(ids)} tokens, prompts.max_tokens is {limit} (prompts are never "
            "cut); raise the limit"
        )
    if room is not None and len(ids) + max_tokens > room:
        return (
            f"a prompt of {len(ids)} tokens and a response of up to {max_tokens} exceed the "
            f"model's {room} positions; lower {setting}"
        )
    return None


def check_room(
    room: int | None,
    prompts: Sequence[tuple[int, ...]],
    task_ids: Sequence[str],
    max_tokens: int,
    setting: str,
) -> None:
    """Raise `ModelError` if a prompt and a response of ``max_tokens``, which the recipe calls
    ``setting``, exceed a model of ``room`` positions (None: it has no limit)."""
    for ids, task_id in zip(prompts, task_ids, strict=True):
        if (why := excess(ids, len(ids), room, max_tokens, setting)) is not None:
            raise ModelError(f"task {task_id}: {why} or drop the task")
