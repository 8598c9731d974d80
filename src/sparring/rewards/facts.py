"""Facts that rewards follow from: one group's pass matrix and the lengths of its responses."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.matrix import Bools, Floats, PassMatrix


@dataclass(frozen=True, slots=True)
class RewardFacts:
    """Facts about the P programs and the U generated tests of one task.

    ``matrix``: the group's own programs. ``tester_matrix``: the matrix that tests are paid by; it
    has the same rows and, below them, the programs of the initial policy where there are any.
    ``valid_U``: False for a test that could not be parsed or that the statement does not allow.
    ``repeats_U``: number of tests of the group with this test's input, itself included.
    ``copied_U``: the input is that of a public example. Lengths are of whole responses, in tokens.
    ``truncated_P``, ``truncated_U``: sampling cut the response off at its limit.
    """

    matrix: PassMatrix
    tester_matrix: PassMatrix
    valid_U: Bools
    repeats_U: Floats
    copied_U: Bools
    lengths_P: Floats
    lengths_U: Floats
    truncated_P: Bools
    truncated_U: Bools
