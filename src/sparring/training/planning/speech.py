"""The dry run's lines on how a model's responses end and where its reasoning is."""

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
    """The end tokens, and whether the chat template's turn ends with one of them."""
    found = ", ".join(tokenizer.convert_ids_to_tokens(list(end_ids)))
    end = turn_end(tokenizer, end_ids, options)
    if end is None or not end.doubtful:
        return Check("end tokens", found, False)
    found += f"; the chat template ends a turn with {end.text}, which is "
    if end.token:
        found += f'none of them: responses go on behind it; {setting} = ["{end.text}"]'
    else:
        found += "no token of the tokenizer: no response ends there"
    return Check("end tokens", found, True)


def reasoning(
    tokenizer: Any,
    end_ids: Collection[int],
    prompts: PromptSettings,
    opened: Mapping[Role, bool],
) -> Check | None:
    """Where reasoning is looked for, and why it might not be found; None for a model that shows no
    sign of any. ``opened``: the prompts of a role end inside of it."""
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
        parts.append(f"{', '.join(special)} hold special tokens, which texts keep")
    return Check("reasoning", "; ".join([*parts, *faults]), bool(faults))


def unended(
    tokenizer: Any, end_ids: Collection[int], prompts: PromptSettings, responses: Sequence[Response]
) -> list[str]:
    """Why responses are cut off: they hold the template's end of a turn, which ends none."""
    end = turn_end(tokenizer, end_ids, prompts.template_options)
    if end is None or end.ends:
        return []
    cut = [r for r in responses if r.stop is StopReason.LENGTH]
    if not (count := sum(end.text in tokenizer.decode(list(r.token_ids)) for r in cut)):
        return []
    what = "is no end token" if end.token else "is no token"
    return [
        f"{count} of those cut off hold {end.text}, with which the chat template ends a turn and "
        f"which {what}: they went on with turns of their own"
    ]


def unfinished(reasoning: Reasoning, responses: Sequence[Response]) -> list[str]:
    """How many responses end inside of reasoning, where it is open before them."""
    if not reasoning.opened:
        return []
    count = sum(reasoning.end not in r.text for r in responses)
    return [f"{count} have no {reasoning.end}: their reasoning is unfinished"] if count else []
