"""The answer in a response: what is left without a thinking model's reasoning.

A draft inside of reasoning that never ended must not be read. So a mark counts wherever it might
be one, and is text only where it clearly is: in a closed fenced block, or spoken of in a sentence.

- *Reasoning ends* at the first end mark outside of its own fenced blocks; if there is none
  (the fence of a draft was never closed), at the first one.
- *An end mark* in what follows, outside of blocks, moves the beginning of the answer behind it.
- *A start mark* in what follows opens reasoning again; without an end behind it the answer ends
  there.
"""

from __future__ import annotations

import re

from sparring.prompts.blocks import spans
from sparring.prompts.rules import Reasoning
from sparring.schema import StopReason

_QUOTES = "`'\"“”‘’«»"
_MANY = 50
"""Marks from which on a response is no answer with a mark or two in it, and the last one counts."""


def answer_of(text: str, reasoning: Reasoning, stop: StopReason = StopReason.END_TOKEN) -> str:
    """The response without its reasoning, line ends unified."""
    text = text.replace("\r\n", "\n")
    start, end = reasoning.start, reasoning.end
    if not end:
        return text
    count = text.count(start) + text.count(end)
    if not count:
        return "" if reasoning.opened else text
    if count > _MANY:
        last = text.rfind(end)
        return text[last + len(end) :] if last >= 0 else ""
    begin, opened = 0, reasoning.opened or text.lstrip().startswith(start)
    kept = ""
    while True:
        blocks = spans(text, begin)
        if opened:
            ends = _places(text, end, begin)
            if not ends:
                return kept
            clean = [place for place in ends if not _within(place, blocks)]
            begin, opened = (clean or ends)[0] + len(end), False
            continue
        ends = [p for p in _places(text, end, begin) if not _is_text(text, p, end, blocks)]
        starts = [
            p
            for p in _places(text, start, begin)
            if not _is_text(text, p, start, blocks)
            and not (stop is not StopReason.LENGTH and _in_a_sentence(text, p, start))
        ]
        if not ends and not starts:
            return text[begin:]
        if ends and (not starts or ends[0] < starts[0]):
            begin = ends[0] + len(end)
        else:
            kept, opened = text[begin : starts[0]], True
            begin = starts[0] + len(start)


def _places(text: str, mark: str, begin: int) -> list[int]:
    """Where the mark stands, from ``begin`` on."""
    return [m.start() + begin for m in re.finditer(re.escape(mark), text[begin:])]


def _within(place: int, blocks: list[tuple[int, int]]) -> bool:
    return any(a <= place < b for a, b in blocks)


def _is_text(text: str, place: int, mark: str, blocks: list[tuple[int, int]]) -> bool:
    """Whether the mark is text wherever a response ended: in a closed block, or in quotes."""
    before, behind = text[:place][-1:], text[place + len(mark) :][:1]
    quoted = bool(before) and bool(behind) and before in _QUOTES and behind in _QUOTES
    return quoted or _within(place, blocks)


def _in_a_sentence(text: str, place: int, mark: str) -> bool:
    """Whether a start mark stands between the words of a line. Of a response that was cut off
    this is no excuse: the reasoning may be what was."""
    before = text[text.rfind("\n", 0, place) + 1 : place]
    behind = text[place + len(mark) :].split("\n", 1)[0]
    return bool(re.search(r"[\w,]\s$", before)) and bool(re.match(r"\s\w", behind))
