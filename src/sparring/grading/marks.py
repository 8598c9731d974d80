"""Faults of a model's end tokens and reasoning marks, read from tokenizer and chat template before
the model is sampled.

A model whose turn ends with a token that does not end the response goes on with turns of its own.
A model whose reasoning marks are lost, or differ from the marks that are looked for, has its drafts
read as answers. Both faults show in the model's files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.policy.local.detokenize import Detokenizer, kept_tokens
from sparring.prompts.turns import behind_an_answer

_OF_REASONING = re.compile("think|thought|reason|channel", re.I)
"""Words that the names of reasoning marks have in common."""
_TAG = re.compile(r"<\|[^|<>]+\|>|\S+")
"""First mark or word of the text that a template writes behind an answer."""


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """Text with which a chat template ends a turn.

    ``ends`` is True if the text also ends a response, ``token`` if the text is one token. Models do
    not repeat most words that a template writes without a token, such as ``</u>``; the model's
    responses then decide.
    """

    text: str
    ends: bool
    token: bool

    @property
    def doubtful(self) -> bool:
        """True if responses are likely to go on behind the text."""
        return not self.ends and (self.token or self.text.startswith("<|"))


def turn_end(
    tokenizer: Any, end_ids: Collection[int], options: Mapping[str, Any] | None = None
) -> TurnEnd | None:
    """Return the end of a turn in the template; None where the template shows no mark of an end."""
    turn_text = behind_an_answer(tokenizer, options)
    ids = list(tokenizer(turn_text, add_special_tokens=False)["input_ids"]) if turn_text else []
    if not ids:
        return None
    added = {i: t.content for i, t in tokenizer.added_tokens_decoder.items()}
    for i in ids:  # plain text may stand before the end token
        if i in end_ids:
            return TurnEnd(str(tokenizer.convert_ids_to_tokens(i)), True, True)
        if i in added:
            break
    if ids[0] in added:
        return TurnEnd(added[ids[0]], False, True)
    return TurnEnd(first[0], False, False) if (first := _TAG.match(turn_text)) else None


def mark_faults(tokenizer: Any, end_ids: Collection[int], marks: Sequence[str]) -> list[str]:
    """Return the reasons why reasoning between ``marks`` (start and end) would not be found, one
    line each."""
    if not marks:
        return []
    added = [t.content for t in tokenizer.added_tokens_decoder.values()]
    own = [token for token in added if any(token and token in mark for mark in marks)]
    faults = []
    if not own and (others := [token for token in added if _OF_REASONING.search(token)]):
        faults.append(
            f"the tokenizer has {', '.join(others)}, but reasoning is looked for between "
            f"{marks[0]} and {marks[-1]}: name its marks (prompts.reasoning_start, reasoning_end)"
        )
    ends = {str(tokenizer.convert_ids_to_tokens(i)) for i in end_ids}
    plain = Detokenizer(tokenizer, (), marks)
    for mark in dict.fromkeys(marks):
        if ending := sorted(token for token in ends if token in mark):
            faults.append(f"{mark} holds the end token {ending[0]}: a response ends before it")
        elif own and mark not in plain.text(tokenizer.encode(mark, add_special_tokens=False)):
            faults.append(f"{mark} is lost in the tokenizer: reasoning would not be found by it")
    return faults


def special_marks(tokenizer: Any, marks: Sequence[str]) -> list[str]:
    """Return the marks that are made of special tokens, which are kept in a response's text."""
    kept = kept_tokens(tokenizer, marks).values()
    return [m for m in dict.fromkeys(marks) if any(token in m for token in kept)]
