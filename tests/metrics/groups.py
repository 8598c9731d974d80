"""Groups made up for tests: matrices by the theorem's model, and by hand."""

from __future__ import annotations

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.rewards.facts import RewardFacts


def simulated(
    rng: np.random.Generator,
    task: str,
    p_u: float = 0.6,
    p01: float = 0.5,
    p00: float = 0.2,
    p_s: float = 0.4,
    parsed: float = 1.0,
    programs: int = 6,
    tests: int = 6,
) -> TaskFacts:
    """A group by the theorem's model; one ground-truth test, which tells the correct programs."""
    correct = rng.random(programs) < p_s
    parsed_U = rng.random(tests) < parsed
    right = (rng.random(tests) < p_u) & parsed_U
    by_chance = rng.random((programs, tests)) < np.where(right, p01, p00)
    passed = np.where(correct[:, None], right, by_chance) & parsed_U
    passed = np.concatenate([correct[:, None], passed], axis=1)
    return facts(task, PassMatrix(passed, np.ones_like(passed), 1), parsed_U, right)


def by_hand(rows: list[str], right: str, task: str = "a") -> TaskFacts:
    """``rows``: one string per program, 1 passed, 0 failed, ? masked; the first column is the
    ground-truth test. ``right``: r right, w wrong, - not parsed, of each generated test."""
    passed = np.array([[c == "1" for c in row] for row in rows])
    seen = np.array([[c != "?" for c in row] for row in rows])
    right_U = np.array([c == "r" for c in right], dtype=bool)
    parsed_U = np.array([c != "-" for c in right], dtype=bool)
    return facts(task, PassMatrix(passed, seen, 1), parsed_U, right_U)


def facts(task: str, matrix: PassMatrix, parsed_U: Bools, right_U: Bools | None) -> TaskFacts:
    """A group whose read tests are all valid; sizes are not known."""
    size_U = np.full(len(parsed_U), np.nan)
    return TaskFacts(matrix, parsed_U, parsed_U, right_U, size_U, task=task)


def reward_facts(
    matrix: PassMatrix,
    valid: Bools | None = None,
    repeats: Floats | None = None,
    copied: Bools | None = None,
) -> RewardFacts:
    """What rewards follow from where no response was cut off; lengths are 0."""
    programs, tests = matrix.passed_PU.shape
    return RewardFacts(
        matrix=matrix,
        tester_matrix=matrix,
        valid_U=np.ones(tests, dtype=bool) if valid is None else valid,
        repeats_U=np.ones(tests) if repeats is None else repeats,
        copied_U=np.zeros(tests, dtype=bool) if copied is None else copied,
        lengths_P=np.zeros(programs),
        lengths_U=np.zeros(tests),
        truncated_P=np.zeros(programs, dtype=bool),
        truncated_U=np.zeros(tests, dtype=bool),
    )
