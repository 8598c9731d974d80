"""The answer in a response: the text without a thinking model's reasoning.

A draft inside of reasoning that never ended must not be read. A mark therefore counts wherever it
might be one. It is plain text only where that is clear: in a closed fenced block, or quoted in a
sentence.

- *Reasoning ends* at the first end mark outside of the reasoning's own fenced blocks. If there is
  no such mark, because the fence of a draft was never closed, it ends at the first end mark.
- *A later end mark* outside of blocks moves the beginning of the answer behind itself.
- *A later start mark* opens reasoning again. If no end mark follows, the answer ends there.
"""

from __future__ import annotations

import re

from sparring.prompts.blocks import block_spans
from sparring.prompts.rules import Reasoning
from sparring.schema import StopReason

_QUOTES = "`'\"“”‘’«»"
_MANY = 50
"""Number of marks above which only the last end mark counts: no answer mentions so many."""


def answer_of(text: str, reasoning: Reasoning, stop: StopReason = StopReason.END_TOKEN) -> str:
    """Return the response without its reasoning, with unified line ends."""
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
    answer_start, opened = 0, reasoning.opened or text.lstrip().startswith(start)
    kept = ""
    while True:
        blocks = block_spans(text, answer_start)
        if opened:
            ends = _places(text, end, answer_start)
            if not ends:
                return kept
            clean = [place for place in ends if not _within(place, blocks)]
            answer_start, opened = (clean or ends)[0] + len(end), False
            continue
        ends = [p for p in _places(text, end, answer_start) if not _is_text(text, p, end, blocks)]
        starts = [
            p
            for p in _places(text, start, answer_start)
            if not _is_text(text, p, start, blocks)
            and not (stop is not StopReason.LENGTH and _in_a_sentence(text, p, start))
        ]
        if not ends and not starts:
            return text[answer_start:]
        if ends and (not starts or ends[0] < starts[0]):
            answer_start = ends[0] + len(end)
        else:
            kept, opened = text[answer_start : starts[0]], True
            answer_start = starts[0] + len(start)


def _places(text: str, mark: str, offset: int) -> list[int]:
    """Return the places at which the mark stands, from ``offset`` on."""
    return [m.start() + offset for m in re.finditer(re.escape(mark), text[offset:])]


def _within(place: int, blocks: list[tuple[int, int]]) -> bool:
    return any(a <= place < b for a, b in blocks)


def _is_text(text: str, place: int, mark: str, blocks: list[tuple[int, int]]) -> bool:
    """Return True if the mark is plain text however the response ended: in a closed block, or in
    quotes."""
    before, after = text[:place][-1:], text[place + len(mark) :][:1]
    quoted = bool(before) and bool(after) and before in _QUOTES and after in _QUOTES
    return quoted or _within(place, blocks)


def _in_a_sentence(text: str, place: int, mark: str) -> bool:
    """Return True if a start mark stands between the words of a line. This does not excuse a mark
    in a cut-off response, where the reasoning may be the part that was cut off."""
    before = text[text.rfind("\n", 0, place) + 1 : place]
    after = text[place + len(mark) :].split("\n", 1)[0]
    return bool(re.search(r"[\w,]\s$", before)) and bool(re.match(r"\s\w", after))
