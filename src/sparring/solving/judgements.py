"""Reading of a model's decisions: which of two programs is right, and whether to keep something.

A decision that cannot be read with certainty is none. It never counts for either side.
"""

from __future__ import annotations

import re
from enum import StrEnum

from sparring.solving.messages import KEEP


class Judgement(StrEnum):
    """Decision between two programs."""

    FIRST = "A"
    SECOND = "B"
    TIE = "TIE"
    """The model cannot tell, or its answer cannot be read."""

    @property
    def swapped(self) -> Judgement:
        """The same decision, with the two programs in the other order."""
        match self:
            case Judgement.FIRST:
                return Judgement.SECOND
            case Judgement.SECOND:
                return Judgement.FIRST
            case Judgement.TIE:
                return Judgement.TIE


_ALONE = re.compile(r"[\W_]*(?:program\s+)?(A|B|TIE)[\W_]*", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:(?i:program)\s+(A|B)\s+(?i:is\s+(?:right|correct))\b"
    r"|(?i:answer|verdict|decision)(?:\s+(?i:is))?[^\w\n]{1,6}(?:(?i:program)\s+)?(A|B|(?i:TIE))"
    r"[^\w\n]*$)",
    re.MULTILINE,
)
"""A letter in capitals: "a" is mostly an article. After "answer" it ends its line."""
_KEPT = re.compile(rf"[\W_]*{KEEP}[\W_]*")
_BEGINS = re.compile(rf"[\W_]*{KEEP}\b")


def read_judgement(answer: str) -> Judgement:
    """Return the decision in an answer: its last line that is nothing but one, else the only
    decision that its sentences name."""
    for line in reversed(answer.strip().splitlines()):
        if match := _ALONE.fullmatch(line):
            return Judgement(match[1].upper())
    named = {(m[1] or m[2]).upper() for m in _NAMED.finditer(answer)}
    return Judgement(named.pop()) if len(named) == 1 else Judgement.TIE


def keeps(answer: str) -> bool:
    """Return True if an answer says to keep what was shown: it begins with the word in capitals, or
    a line of it is nothing else."""
    lines = answer.strip().splitlines()
    return bool(lines and _BEGINS.match(lines[0])) or any(map(_KEPT.fullmatch, lines))
