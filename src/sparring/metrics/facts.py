"""What metrics are computed from: a graded group without its texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.reading import Reading
from sparring.schema import Role
from sparring.selection.consensus import Answers


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task's programs and tests at one time, as arrays.

    ``parsed_U``: a test could be read. ``right_U``: by reference, input valid
    and output right. ``valid_U``: parsed and the statement allows the input.
    ``size_U``: number of values in the input (NaN if not parsed).
    ``right_U`` is None for a task without reference solution.
    ``matrix`` holds the evaluated programs, ``pool`` (if any) a fixed set of
    other programs on the same tests. ``majority_program`` and
    ``majority_test``: see `majority`; ``agreement_P`` and its like of the
    pool: see `consensus.alike`.
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
    """A read test whose input no earlier test of the task has."""
    answers_PU: Answers | None = None
    """What the majority is found by (`consensus`); None where it is not known."""
    mutants: tuple[float, float] | None = None
    """(killed, all) mutants of the reference solution, by the generated tests that are right."""
    branches: tuple[float, float] | None = None
    """(taken, all) branches of the reference solution, by the generated tests."""
    reading: Mapping[Role, Reading] = field(default_factory=dict)
    """How many responses could not be read, and why."""
    task: str = ""
    """The task's id: groups of the same task are one cluster of the intervals."""
