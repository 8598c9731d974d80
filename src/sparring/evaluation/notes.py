"""What a user should know of how a model's responses end and where their reasoning is.

Before anything is asked: what a local model's files say. After it: what the
responses show of a server, whose prompts nobody sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparring.grading.marks import mark_faults, turn_end
from sparring.policy.chat.base import Answer, Author
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.settings import PromptSettings
from sparring.schema import StopReason

if TYPE_CHECKING:
    from sparring.policy.local.chat import LocalModel


def notes_before(author: Author, name: str, prompts: PromptSettings) -> list[str]:
    """What the files of a local model say; nothing of a server."""
    model = _local(author)
    if model is None:
        return []
    tokenizer, ends = model.tokenizer, model.end_ids
    found = []
    end = turn_end(tokenizer, ends, prompts.template_options)
    if end is not None and end.doubtful:
        option = f"--end-token '{end.text}'" if end.token else f"--stop '{end.text}'"
        names = ", ".join(tokenizer.convert_ids_to_tokens(list(ends)))
        found.append(
            f"its chat template ends a turn with {end.text}, which is no end token "
            f"({names}): responses may go on behind it; {option} ends them"
        )
    if prompts.reasoning is not ReasoningMode.NONE:
        found += mark_faults(tokenizer, ends, prompts.marks)
    return [f"{name}: {line}" for line in found]


def _local(author: Author) -> LocalModel | None:
    """The author as the local model that it is."""
    if author.remote:
        return None
    from sparring.policy.local.chat import LocalModel

    assert isinstance(author, LocalModel)
    return author


def notes_after(
    author: Author, name: str, prompts: PromptSettings, answers: Sequence[Answer]
) -> list[str]:
    """What the answers show: of a local model, turns of its own; of a server, reasoning that its
    chat template opens."""
    if (model := _local(author)) is not None:
        turn = turn_end(model.tokenizer, model.end_ids, prompts.template_options)
        cut = [a for a in answers if a.stop is StopReason.LENGTH]
        if turn is None or turn.ends or turn.token or not any(turn.text in a.text for a in cut):
            return []
        return [
            f"{name}: {sum(turn.text in a.text for a in cut):,} of {len(cut):,} responses "
            f"that were cut off hold {turn.text}, with which its chat template ends a turn: "
            f"--stop '{turn.text}' ends them there"
        ]
    if prompts.reasoning is ReasoningMode.NONE:
        return []
    opening, closing = prompts.reasoning_start, prompts.reasoning_end
    own = [a.text for a in answers if not a.reasoned]
    closed = sum(closing in text and opening not in text for text in own)
    told = f"{name}: "
    if prompts.reasoning is ReasoningMode.AUTO and closed:
        return [
            f"{told}{closed:,} of {len(answers):,} responses have {closing} and no {opening}: its "
            "chat template opens reasoning out of sight, and one that was cut off inside may be "
            "read as an answer; the same command with --reasoning open reads them again"
        ]
    if prompts.reasoning is ReasoningMode.OPEN and own and not any(closing in text for text in own):
        return [
            f"{told}none of {len(own):,} responses has {closing}, so none has an answer "
            "(reasoning is said to be open: --reasoning, prompts.reasoning)"
        ]
    return []
