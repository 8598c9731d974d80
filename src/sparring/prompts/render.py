"""Rendering of a message to token ids, by the model's own chat template.

A tokenizer without a chat template gets a plain form: the message, a blank line, and ``Answer:`` on
a line of its own, after the tokenizer's own start token if it has one.
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


class PromptTooLong(ModelError):
    """Raised for a prompt that exceeds the limit or the model's positions. Other prompts of the
    same model may fit."""


class Tokenizer(Protocol):
    """Part of a `transformers` tokenizer that is used here."""

    chat_template: Any

    def apply_chat_template(self, conversation: list[dict[str, str]], **kwargs: Any) -> Any: ...

    def __call__(self, text: list[str], **kwargs: Any) -> Any: ...


def prompt_text(
    tokenizer: Tokenizer, message: str, options: Mapping[str, Any] | None = None
) -> str:
    """Return the whole prompt as text, up to the place where the model's answer begins.

    ``options`` are switches of the chat template, such as ``enable_thinking``. Raises `ModelError`
    for a template that fails or loses the message.
    """
    if not tokenizer.chat_template:
        return PLAIN.replace("{message}", message)
    reserved = _OUR_OPTIONS & set(options or {})
    if reserved:
        raise ModelError(
            f"prompts.template_options: {min(reserved)} is not an option of the template's own; "
            "leave it out"
        )
    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}],
            tokenize=False,
            add_generation_prompt=True,
            **(options or {}),
        )
    except Exception as error:  # noqa: BLE001  # a template is code of the model's author
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"the model's chat template fails: {what}") from None
    if message.strip() not in text:
        raise ModelError("the model's chat template leaves out or alters the message")
    return text


def prompt_ids(
    tokenizer: Tokenizer, texts: Sequence[str], limit: int, task_ids: Sequence[str]
) -> list[tuple[int, ...]]:
    """Return the token ids of tasks' prompts. Raises `PromptTooLong` for a prompt of more
    than ``limit`` tokens."""
    ids_by_task = encoded(tokenizer, texts)
    for ids, task_id in zip(ids_by_task, task_ids, strict=True):
        if (why := excess(ids, limit)) is not None:
            raise PromptTooLong(f"task {task_id}: {why} or drop the task")
    return ids_by_task


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the token ids of prompts. With a chat template no special tokens are added, because
    the template writes its own."""
    ids = tokenizer(list(texts), add_special_tokens=not tokenizer.chat_template)["input_ids"]
    return [tuple(row) for row in ids]


def excess(
    ids: Sequence[int],
    limit: int,
    positions: int | None = None,
    max_tokens: int = 0,
    setting: str = "",
) -> str | None:
    """Return the reason why a prompt is too long and the recipe's key to change; None if the prompt
    fits.

    A prompt is too long if it has more than ``limit`` tokens, or if together with a response of
    ``max_tokens`` (named ``setting`` in the recipe) it exceeds the model's ``positions`` (None: no
    limit).
    """
    if len(ids) > limit:
        return (
            f"its prompt has {len(ids)} tokens, prompts.max_tokens is {limit} (prompts are never "
            "cut); raise the limit"
        )
    if positions is not None and len(ids) + max_tokens > positions:
        return (
            f"a prompt of {len(ids)} tokens and a response of up to {max_tokens} exceed the "
            f"model's {positions} positions; lower {setting}"
        )
    return None


def check_positions(
    positions: int | None,
    prompts: Sequence[tuple[int, ...]],
    task_ids: Sequence[str],
    max_tokens: int,
    setting: str,
) -> None:
    """Raise `PromptTooLong` if a prompt and a response of ``max_tokens`` (named ``setting`` in the
    recipe) exceed the model's ``positions`` (None: no limit)."""
    for ids, task_id in zip(prompts, task_ids, strict=True):
        if (why := excess(ids, len(ids), positions, max_tokens, setting)) is not None:
            raise PromptTooLong(f"task {task_id}: {why} or drop the task")
