"""What rewards follow from: one group's pass matrix and the lengths of its responses."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.matrix import Bools, Floats, PassMatrix


@dataclass(frozen=True, slots=True)
class Facts:
    """P programs, and U generated tests of one task.

    ``tester_matrix`` is what tests are paid by: the matrix with the opponents'
    programs below the group's own, where there are any. ``valid_U`` is False
    for tests that could not be parsed or that the statement does not allow.
    ``repeats_U``: how many tests of the group have this one's input (itself
    included); ``copied_U``: the input is that of a public example. Lengths are
    of whole responses, in tokens; ``truncated``: sampling cut the response off.
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
