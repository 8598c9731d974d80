"""Facts about a graded group that a reward function of the user's receives, texts included.

The formulas of `sparring.rewards` see matrices and lengths alone. A function of the user's may see
everything that the record of the group holds: so its rewards can be computed again from the record,
by a resumed run, a replay or ``sparring rescore``. What a record does not hold is not here, and
neither are measured times and memory, which differ between equal runs.

Under label-free training these are the facts of the grading by pseudo-labels: nothing here follows
from ground truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.grading.entries import OUTPUT_KEPT
from sparring.grading.group import GroupResult
from sparring.matrix import Bools, Floats, PassMatrix
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    StopReason,
    Test,
    TestRefusal,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class GradedExecution:
    """One program on one test, after the comparison with the expected output."""

    verdict: Verdict
    """Passed is ``ACCEPTED``. ``INFRA`` is no label; ``INVALID``: nothing was executed, because the
    response has no program or no test."""
    output: str
    """What the program printed, or the encoded value that it returned (`sparring.values.decode`):
    the first 65,536 characters. Empty for a script."""
    detail: str
    """A line for people, such as the last line of a traceback or the limit that was exceeded. Empty
    where there is none, and where the run's files ``usage/`` have been removed."""


@dataclass(frozen=True, slots=True)
class RewardGroup:
    """Facts about one task's group of P programs and U generated tests.

    The T tests are the ``ground_truth`` ground-truth tests G first, then the U generated ones.
    Programs of the initial policy are not included: only the built-in rewards count them. U is 0
    where no test was sampled (`sampling.skip_unlabelled`). `Bools` and `Floats` are numpy arrays
    with the axes that their names end with.
    """

    task_id: str
    statement: str
    passed_PT: Bools
    """The program passed the test."""
    observed_PT: Bools
    """The cell is known. False is an infrastructure failure, which is no label."""
    ground_truth: int
    """Number of ground-truth tests; under label-free training, of pseudo-label tests."""
    valid_U: Bools
    """The test could be read and the statement allows its input."""
    lengths_P: Floats
    """Lengths of the coder's responses, in tokens."""
    lengths_U: Floats
    """Lengths of the tester's responses, in tokens."""
    programs: tuple[str | None, ...]
    """Source of each program [P]; None where the response has none."""
    tests: tuple[Test | None, ...]
    """Generated tests [U]; None where the response has none."""
    responses_P: tuple[str, ...]
    """Whole texts of the coder's responses [P], as sampled."""
    responses_U: tuple[str, ...]
    """Whole texts of the tester's responses [U], as sampled."""
    truncated_P: Bools
    """Sampling cut the coder's response off at its limit."""
    truncated_U: Bools
    """Sampling cut the tester's response off at its limit."""
    failures_P: tuple[ParseFailure | None, ...]
    """Reason why the response has no program [P]; None where it has one."""
    failures_U: tuple[ParseFailure | None, ...]
    """Reason why the response has no test [U]; None where it has one."""
    refused_U: tuple[TestRefusal | None, ...]
    """Reason why a test that could be read is not valid [U]; always None under label-free
    training, which has neither a validator nor a reference solution."""
    executions_PT: tuple[tuple[GradedExecution, ...], ...]
    """Every program on every test [P][T]: verdict, output, detail."""
    tests_G: tuple[Test, ...]
    """Ground-truth tests, with their expected outputs."""
    examples: tuple[Test, ...]
    """Public examples of the statement."""
    entry_point: str | None
    """Function that the task asks for; None for a program on standard input."""

    @property
    def correct_P(self) -> Bools:
        """Programs [P] that passed every ground-truth test, all of them observed."""
        return self._matrix().correct_P

    @property
    def wrong_P(self) -> Bools:
        """Programs [P] that failed a ground-truth test that was observed. A program that is neither
        correct nor wrong is unknown."""
        return self._matrix().wrong_P

    def _matrix(self) -> PassMatrix:
        return PassMatrix(self.passed_PT, self.observed_PT, self.ground_truth)


def reward_group(group: GroupResult) -> RewardGroup:
    """Return the facts of a graded group. Arrays are copies: the user's function may change
    them."""
    return RewardGroup(
        task_id=group.task.id,
        statement=group.task.statement,
        passed_PT=group.matrix.passed_PT & group.matrix.observed_PT,
        observed_PT=group.matrix.observed_PT.copy(),
        ground_truth=group.matrix.ground_truth,
        valid_U=group.valid_U.copy(),
        lengths_P=lengths(group.coder),
        lengths_U=lengths(group.tester),
        programs=tuple(p.source for p in group.programs),
        tests=tuple(p.test for p in group.tests),
        responses_P=tuple(r.text for r in group.coder),
        responses_U=tuple(r.text for r in group.tester),
        truncated_P=truncated(group.coder),
        truncated_U=truncated(group.tester),
        failures_P=tuple(p.failure for p in group.programs),
        failures_U=tuple(p.failure for p in group.tests),
        refused_U=tuple(group.refused_U),
        executions_PT=tuple(tuple(map(_execution, row)) for row in group.outcomes_PT),
        tests_G=group.task.tests,
        examples=group.task.examples,
        entry_point=group.task.entry_point,
    )


def _execution(outcome: Outcome) -> GradedExecution:
    # A record keeps the beginning of a long output, so no reward may depend on the rest.
    return GradedExecution(outcome.verdict, outcome.output[:OUTPUT_KEPT], outcome.detail)


def lengths(responses: Sequence[Response]) -> Floats:
    """Return the lengths of responses, in tokens."""
    return np.array([len(r.token_ids) for r in responses], dtype=float)


def truncated(responses: Sequence[Response]) -> Bools:
    """Return the responses that sampling cut off at their limit."""
    return np.array([r.stop is StopReason.LENGTH for r in responses], dtype=bool)
