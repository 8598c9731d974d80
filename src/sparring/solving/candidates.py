"""Candidates: programs and tests that a session has so far, and the decision for one of them."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.policy.chat.base import ChatReply
from sparring.prompts.rules import ParsedProgram, ParsedTest


@dataclass(frozen=True, slots=True)
class ProgramCandidate:
    """Program in a coder's response. ``number`` counts the coder's responses of the session from 0.

    ``origin`` says where the program comes from, for people: "sampled", "repaired". ``parent`` is
    the number of the program that a repair began with.
    """

    number: int
    reply: ChatReply
    parsed: ParsedProgram
    origin: str = "sampled"
    parent: int | None = None

    @property
    def source(self) -> str | None:
        """Source of the program; None where the response holds none."""
        return self.parsed.source


@dataclass(frozen=True, slots=True)
class TestCandidate:
    """Test in a tester's response. ``number`` counts the tester's responses of the session."""

    __test__ = False  # pytest must not take this for a test class

    number: int
    reply: ChatReply
    parsed: ParsedTest
    origin: str = "sampled"
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """Decision for one candidate, never for a mixture of several.

    ``chosen`` is the number of the program; None where there is no readable program. ``chosen_by``
    names the rule, ``reason`` why sampling ended. ``sure`` is the probability that the program is
    right (`selection.confidence`); None where no input could be run. ``ranked`` has the numbers of
    all readable programs, best first.
    """

    chosen: int | None
    chosen_by: str
    reason: str
    sure: float | None = None
    ranked: tuple[int, ...] = ()
