"""Reading of the program in a coder's answer: the code that the task asks for, wherever it stands.

*A function task* names its function, or a class with its method: `functions` finds the code that
defines it. *A task on standard input* names nothing: `scripts` finds the code that reads and
writes. Blocks that the program needs are put in front (`with_helpers`). Usages, sessions, outputs
and tests behind the program are left out. A refusal describes what stood in the answer
(`refusals`).

Code is taken as it stands in its block. Usages and assertions in the same block are executed when
the program is imported, as in the harnesses of HumanEval, MBPP and LiveCodeBench: a program that
raises then is wrong.
"""

from __future__ import annotations

import re

from sparring.prompts.blocks import blocks
from sparring.prompts.functions import defining_piece
from sparring.prompts.joined import with_helpers
from sparring.prompts.pieces import CodePiece, pieces
from sparring.prompts.reasoning import answer_of
from sparring.prompts.refusals import later_attempt_failure, refused
from sparring.prompts.rules import Decision, ParsedProgram, Reasoning, decision_names
from sparring.prompts.scripts import script_piece
from sparring.prompts.unfenced import unfenced
from sparring.schema import StopReason

_END_TOKEN = re.compile(r"(?:<\|[\w ]{1,30}\|>|</s>|<eos>|<end_of_turn>)\Z")
_USUAL = Reasoning()


def read_source(
    text: str,
    entry_point: str | None,
    stop: StopReason = StopReason.END_TOKEN,
    reasoning: Reasoning = _USUAL,
) -> ParsedProgram:
    """Return the program in a coder's response, or the refusal. ``entry_point`` is the task's; None
    for a task on standard input."""
    lines = lines_of(answer_of(text, reasoning, stop))
    fenced = pieces(lines)
    if entry_point is None:
        chosen, others = script_piece(fenced, lambda: unfenced(lines))
    else:
        chosen, others = defining_piece(fenced, lambda: unfenced(lines), entry_point)
    if chosen is None:
        return refused(lines, entry_point, stop)
    if failure := later_attempt_failure(lines, chosen, entry_point, stop):
        return refused(lines, entry_point, stop, failure)
    source, helpers = with_helpers(chosen, others)
    decisions = [_place(lines, chosen), *chosen.decisions]
    if helpers:
        decisions.append(Decision.HELPERS)
    return ParsedProgram(source, how=decision_names(decisions))


def lines_of(answer: str) -> list[str]:
    """Return an answer's lines, without the end tokens that some servers leave at its end."""
    if "\n" not in answer:
        answer = answer.replace("\r", "\n")
    answer = answer.removeprefix("\ufeff").rstrip()
    while match := _END_TOKEN.search(answer, max(0, len(answer) - 40)):
        answer = answer[: match.start()].rstrip()
    return answer.split("\n")


def _place(lines: list[str], chosen: CodePiece) -> Decision:
    if chosen.decisions[:1] in ((Decision.CODE_LINES,), (Decision.WHOLE_TEXT,)):
        return chosen.decisions[0]
    end = len(lines) if chosen.end is None else chosen.end
    others = blocks(lines)
    if any(b.start > end for b in others):
        return Decision.EARLIER_BLOCK
    before = any(b.end is not None and b.end <= chosen.start for b in others)
    return Decision.LAST_BLOCK if before else Decision.ONLY_BLOCK
