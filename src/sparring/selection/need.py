"""Spending by need: after each round of samples, stop, or say how much more to sample.

A pure policy. The caller samples, runs the programs on the tests, chooses by `selection.default`,
and asks `next_round` again. It rests on three observations (docs/results.md, "Spending by need"):

- *A settled choice stays.* Where the choice behaved alike for some rounds and is probably right,
  further samples hardly ever change it for the better. Either sign alone stops too early: one model
  is sure and wrong, another keeps one choice for lack of tests.
- *Tests that can be read are what counts.* A model may write many responses without a readable
  test. Programs beyond a quarter more than the readable tests can hardly be told apart; the
  tokens go to tests.
- *Small rounds.* Of 4 tests each, so that little is sampled after the choice has settled.

Where the best two programs of different behaviour are nearly equal under the rule, the round also
names them, because an input on which they differ tells more than a test drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np

from sparring.selection import b4, soft_agreement
from sparring.selection.evidence import Evidence, ties_by

THRESHOLD = 0.8
"""Probability of being right from which a choice may count as settled."""
UNCHANGED = 4
"""Rounds in a row after which a choice that behaves alike may count as settled."""
TESTS_PER_ROUND = 4
PROGRAMS_FIRST = 5
PROGRAMS_PER_TEST = 1.25
"""Readable programs wanted for each readable test."""
PROGRAMS_AT_LEAST = 8
"""Readable programs wanted however few tests can be read."""
CLOSE = 1.0
"""Log-odds between the patterns of two programs below which they are nearly equal."""


class Stop(StrEnum):
    """Why no further round is wanted."""

    SETTLED = "settled"
    """The choice is probably right and has not changed for some rounds."""
    CAP = "cap"
    """As many programs and tests have been sampled as may be."""
    TESTS_SPENT = "tests spent"
    """As many tests have been sampled as may be, and further programs could hardly be told apart by
    those that could be read."""


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
    the chosen program is right; None where there is none (`confidence.probability`). ``unchanged``:
    the rounds in a row, up to this one, in which the choice behaved like that of the round before
    (`alike`).
    """

    evidence: Evidence
    programs: int
    tests: int
    sure: float | None = None
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class NextRound:
    """The next step: a reason to stop, or responses to sample.

    ``apart``: two programs (rows of the evidence) of different behaviour that the rule finds nearly
    equal. Inputs that tell them apart are wanted; None where there are no such two.
    """

    stop: Stop | None
    programs: int
    tests: int
    apart: tuple[int, int] | None = None


def next_round(seen: Seen, caps: Caps, threshold: float = THRESHOLD) -> NextRound:
    """Return the next step. It never asks beyond ``caps``."""
    if seen.sure is not None and seen.sure >= threshold and seen.unchanged >= UNCHANGED:
        return NextRound(Stop.SETTLED, 0, 0)
    tests = max(0, min(TESTS_PER_ROUND, caps.tests - seen.tests))
    programs = max(0, min(_programs(seen, tests, caps), caps.programs - seen.programs))
    if not programs and not tests:
        spent = seen.programs < caps.programs
        return NextRound(Stop.TESTS_SPENT if spent else Stop.CAP, 0, 0)
    return NextRound(None, programs, tests, _apart(seen.evidence))


def alike(evidence: Evidence, one: int, other: int) -> bool:
    """Return True if two programs gave the same answers to all inputs, or both no answer."""
    answers = evidence.answers_PI
    return bool((answers[one] == answers[other]).all())


def _programs(seen: Seen, tests: int, caps: Caps) -> int:
    """Return how many programs to sample beside ``tests`` further tests.

    As many as bring the readable programs to the wanted number; at most twice a round of tests.
    Where no test may be sampled, all programs are wanted: what tells them apart is not in the
    evidence.
    """
    if not seen.programs:
        return PROGRAMS_FIRST
    if not caps.tests:
        return 2 * TESTS_PER_ROUND
    readable = int(seen.evidence.used_U.sum())
    expected = readable * (seen.tests + tests) / seen.tests if seen.tests else 0.0
    wanted = max(PROGRAMS_AT_LEAST, ceil(PROGRAMS_PER_TEST * expected))
    return min(max(wanted - seen.evidence.programs, 0), 2 * TESTS_PER_ROUND)


def _apart(evidence: Evidence) -> tuple[int, int] | None:
    """Return the best program and the best one of other behaviour, if their patterns are nearly
    equal."""
    if evidence.programs < 2:
        return None
    pattern = b4.scores(evidence)
    rank = ties_by(pattern, soft_agreement.scores(evidence))
    first = int(np.argmax(rank))
    others = [p for p in range(evidence.programs) if not alike(evidence, first, p)]
    if not others:
        return None
    second = max(others, key=lambda p: (rank[p], -p))
    return (first, second) if pattern[first] - pattern[second] < CLOSE else None
