"""Facts that metrics are computed from: a graded group without its texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.reading import ReadingCounts
from sparring.schema import Role
from sparring.selection.consensus import Answers

InputIndex = NDArray[np.int64]
"""Places of inputs [U] among a task's distinct inputs."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Programs and tests of one task at one time, as arrays.

    ``matrix``: the evaluated programs. ``pool``: a fixed set of other programs on the same tests,
    if there is one. ``parsed_U``: the test could be read. ``valid_U``: the test was read and the
    statement allows its input. ``right_U``: by the reference solution, the input is valid and the
    expected output right; None for a task without a reference. ``size_U``: number of values in the
    input, NaN for an unread test. ``majority_program`` and ``majority_test``: see
    `metrics.majority`. ``agreement_P`` and ``pool_agreement_P``: see
    `consensus.agreement_counts`.
    """

    matrix: PassMatrix
    parsed_U: Bools
    valid_U: Bools
    right_U: Bools | None
    size_U: Floats
    pool: PassMatrix | None = None
    majority_program: float = float("nan")
    majority_test: float = float("nan")
    agreement_P: Floats | None = None
    pool_agreement_P: Floats | None = None
    first_U: Bools | None = None
    """The test was read, and no earlier test of the task has its input."""
    answers_PI: Answers | None = None
    """Answers to each distinct input, as in `evidence.Evidence`; None where they are unknown."""
    input_U: InputIndex | None = None
    """Place of each test's input among the distinct inputs, -1 for an unread test; None where the
    answers are unknown."""
    mutants: tuple[float, float] | None = None
    """(killed, all) mutants of the reference solution, by the generated tests that are right."""
    branches: tuple[float, float] | None = None
    """(taken, all) branches of the reference solution, by the generated tests."""
    reading: Mapping[Role, ReadingCounts] = field(default_factory=dict)
    """Number of responses that could not be read, with the reasons, by role."""
    readable_P: Bools | None = None
    """The program could be read; None where the readings are unknown."""
    copied_U: Bools | None = None
    """The test was copied from the statement or an example; None where this is unknown."""
    trivial_U: Bools | None = None
    """The test was read and has a trivial input; None where no size of an input is known."""
    task: str = ""
    """The task's id. Groups of one task are one cluster of the intervals."""
