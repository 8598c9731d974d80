"""Dry run's checks of the end of a model's responses, and of the marks around its reasoning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sparring.grading.marks import mark_faults, special_marks, turn_end
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.rules import Reasoning
from sparring.prompts.settings import PromptSettings
from sparring.schema import Response, Role, StopReason
from sparring.training.planning.check import Check


def end_tokens(
    tokenizer: Any, end_ids: Collection[int], options: Mapping[str, Any], setting: str
) -> Check:
    """Return the line on end tokens, with a warning if the chat template ends a turn with a text
    that is not an end token. ``setting`` is the recipe key of the end tokens."""
    text = ", ".join(tokenizer.convert_ids_to_tokens(list(end_ids)))
    end = turn_end(tokenizer, end_ids, options)
    if end is None or not end.doubtful:
        return Check("end tokens", text, False)
    text += f"; the chat template ends a turn with {end.text}, which is "
    if end.token:
        text += f'no end token: responses continue after it; set {setting} = ["{end.text}"]'
    else:
        text += "no token of the tokenizer: no response ends with it"
    return Check("end tokens", text, True)


def reasoning(
    tokenizer: Any,
    end_ids: Collection[int],
    prompts: PromptSettings,
    opened: Mapping[Role, bool],
) -> Check | None:
    """Return the line on where reasoning is looked for, with faults of its marks; None for a model
    without signs of reasoning. ``opened`` says for each role whether its prompts end inside of
    reasoning."""
    if prompts.reasoning is ReasoningMode.NONE:
        return None
    marks = prompts.marks
    faults = mark_faults(tokenizer, end_ids, marks)
    where = [str(role) for role, inside in opened.items() if inside]
    special = special_marks(tokenizer, marks)
    if not where and not special and not faults:
        return None
    parts = [f"between {marks[0]} and {marks[-1]}"]
    if prompts.reasoning is ReasoningMode.OPEN:
        parts.append("open before every response (prompts.reasoning)")
    elif where:
        parts.append(f"open at the end of the prompts of {' and '.join(where)}")
    if special:
        parts.append(f"{', '.join(special)} are special tokens, which responses' texts keep")
    return Check("reasoning", "; ".join([*parts, *faults]), bool(faults))


def unended(
    tokenizer: Any, end_ids: Collection[int], prompts: PromptSettings, responses: Sequence[Response]
) -> list[str]:
    """Return a reason for responses that were cut off: they contain the chat template's end of a
    turn, but that text does not end a response. Returns [] where this is not the reason."""
    end = turn_end(tokenizer, end_ids, prompts.template_options)
    if end is None or end.ends:
        return []
    cut = [r for r in responses if r.stop is StopReason.LENGTH]
    if not (count := sum(end.text in tokenizer.decode(list(r.token_ids)) for r in cut)):
        return []
    what = "is no end token" if end.token else "is no token"
    return [
        f"{count} of the responses cut off contain {end.text}, the chat template's end of a turn, "
        f"which {what}: the model continued with further turns"
    ]


def unfinished(reasoning: Reasoning, responses: Sequence[Response]) -> list[str]:
    """Return a note on responses that end inside of reasoning, if their prompts open reasoning;
    else []."""
    if not reasoning.opened:
        return []
    count = sum(reasoning.end not in r.text for r in responses)
    return [f"{count} have no {reasoning.end}: their reasoning is unfinished"] if count else []
