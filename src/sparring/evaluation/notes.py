"""Notes for the user on how a model's responses end and on where their reasoning is.

`notes_before` reads a local model's files before any request. `notes_after` reads the responses,
which are the only evidence for a server, because the server's prompts cannot be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparring.grading.marks import mark_faults, turn_end
from sparring.policy.chat.base import ChatModel, ChatReply
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.settings import PromptSettings
from sparring.schema import StopReason

if TYPE_CHECKING:
    from sparring.policy.local.chat import LocalModel


def notes_before(chat_model: ChatModel, name: str, prompts: PromptSettings) -> list[str]:
    """Return notes from the files of a local model; none for a server."""
    model = _local(chat_model)
    if model is None:
        return []
    tokenizer, ends = model.tokenizer, model.end_ids
    notes = []
    end = turn_end(tokenizer, ends, prompts.template_options)
    if end is not None and end.doubtful:
        option = f"--end-token '{end.text}'" if end.token else f"--stop '{end.text}'"
        names = ", ".join(tokenizer.convert_ids_to_tokens(list(ends)))
        notes.append(
            f"its chat template ends a turn with {end.text}, which is no end token "
            f"({names}), so responses may continue after it; {option} ends them there"
        )
    if prompts.reasoning is not ReasoningMode.NONE:
        notes += mark_faults(tokenizer, ends, prompts.marks)
    return [f"{name}: {line}" for line in notes]


def _local(chat_model: ChatModel) -> LocalModel | None:
    """Return the model if it is local, else None."""
    if chat_model.remote:
        return None
    from sparring.policy.local.chat import LocalModel

    assert isinstance(chat_model, LocalModel)
    return chat_model


def notes_after(
    chat_model: ChatModel, name: str, prompts: PromptSettings, answers: Sequence[ChatReply]
) -> list[str]:
    """Return notes from the answers.

    For a local model: responses that contain the end of a turn. For a server: signs that its chat
    template opens reasoning, where the prompts do not say so, or the reverse.
    """
    if (model := _local(chat_model)) is not None:
        turn = turn_end(model.tokenizer, model.end_ids, prompts.template_options)
        cut = [a for a in answers if a.stop is StopReason.LENGTH]
        if turn is None or turn.ends or turn.token or not any(turn.text in a.text for a in cut):
            return []
        return [
            f"{name}: {sum(turn.text in a.text for a in cut):,} of {len(cut):,} responses "
            f"that were cut off contain {turn.text}, with which its chat template ends a turn; "
            f"--stop '{turn.text}' ends them there"
        ]
    if prompts.reasoning is ReasoningMode.NONE:
        return []
    opening, closing = prompts.reasoning_start, prompts.reasoning_end
    own = [a.text for a in answers if not a.reasoned]
    closed = sum(closing in text and opening not in text for text in own)
    if prompts.reasoning is ReasoningMode.AUTO and closed:
        return [
            f"{name}: {closed:,} of {len(answers):,} responses have {closing} and no {opening}: "
            "its chat template opens the reasoning, so a response cut off inside its reasoning may "
            "be read as an answer; repeat the command with --reasoning open to read all again"
        ]
    if prompts.reasoning is ReasoningMode.OPEN and own and not any(closing in text for text in own):
        return [
            f"{name}: none of {len(own):,} responses has {closing}, so none has an answer; "
            "--reasoning or prompts.reasoning says open, try auto or none"
        ]
    return []
