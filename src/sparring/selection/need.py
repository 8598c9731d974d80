"""Spending by need: after each round of samples, stop, or say how much more to sample.

A pure policy. The caller samples, runs the programs on the tests, chooses by `selection.default`,
and asks `next_round` again. The policy stops

- where the choice is settled: its probability of being right (`selection.confidence`) has reached
  the threshold, so that more samples would hardly change the choice for the better;
- where nothing more may be sampled.

Otherwise it asks for a small round: as many programs as tests, and one program more in four. Where
the best two programs of different behaviour are nearly equal under the rule, the round also names
them, because an input on which they differ tells more than a test drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.selection.evidence import Evidence

THRESHOLD = 0.85
"""Probability of being right from which the choice counts as settled."""


class Stop(StrEnum):
    """Why no further round is wanted."""

    SETTLED = "settled"
    """The probability that the choice is right has reached the threshold."""
    CAP = "cap"
    """As many programs and tests have been sampled as may be."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Most responses to sample of each role."""

    programs: int
    tests: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What sampling has shown so far.

    ``evidence``: the readable programs on the readable tests, executed. ``programs`` and ``tests``:
    responses sampled so far of each role, unreadable ones included. ``sure``: the probability that
    the chosen program is right; None where there is none (`confidence.probability`).
    """

    evidence: Evidence
    programs: int
    tests: int
    sure: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """The next step: a reason to stop, or responses to sample.

    ``apart``: two programs (rows of the evidence) of different behaviour that the rule finds nearly
    equal. Inputs that tell them apart are wanted; None where there are no such two.
    """

    stop: Stop | None
    programs: int = 0
    tests: int = 0
    apart: tuple[int, int] | None = None


def next_round(seen: Seen, caps: Caps, threshold: float = THRESHOLD) -> Round:
    """Return the next step. It never asks beyond ``caps``."""
    if seen.sure is not None and seen.sure >= threshold:
        return Round(Stop.SETTLED)
    programs = max(0, min(4, caps.programs - seen.programs))
    tests = max(0, min(4, caps.tests - seen.tests))
    if not programs and not tests:
        return Round(Stop.CAP)
    return Round(None, programs, tests)
