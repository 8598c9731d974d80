"""Statistics that the official code prints after an evaluation, reproduced number for number.

The source is Gen-Verse/CURE at commit 69fe174. These figures, of ``--preset official``, are for
comparison with figures that others got from that code. `benchmark` has our own, and docs/metrics.md
the differences. As in the official code:

- A task is in no figure if none of its generated tests could be read.
- A test that could not be read is in the matrix, as a test that every program fails.
- A test is right if every correct program of the task passes it. The tester's figures are of tasks
  with a correct program.
- Best-of-(n, m) takes the first n programs and m tests, and the first of equal programs.

The official code knows no infrastructure failures. A masked cell would make a program wrong there,
so a task with a masked cell is left out here, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.rates import acceptance, estimated_right
from sparring.selection.best_of_n import first_index


@dataclass(frozen=True, slots=True)
class OfficialChoice:
    """Quality of the chosen programs. ``acc``: the share that pass all ground-truth tests.
    ``test_acc``: the share of all tasks' ground-truth tests that the chosen programs pass."""

    acc: float
    test_acc: float


@dataclass(frozen=True, slots=True)
class Official:
    """Official figures over ``tasks``, as shares; NaN where there is nothing to count.

    ``code_acc``: share of programs that pass all ground-truth tests. ``code_test_acc``: share of
    ground-truth cells that are passed, over all programs and tasks. ``test_acc`` (which the code
    prints as estimated): share of right tests. ``test_cell_acc`` (printed as accumulated): share of
    passed cells, of correct programs on generated tests. ``p01`` and ``p00``: share of passed
    cells, of wrong programs on right tests and on wrong tests, over all tasks.
    """

    code_acc: float
    code_test_acc: float
    test_acc: float
    test_cell_acc: float
    p01: float
    p00: float
    bon: dict[tuple[int, int], OfficialChoice]
    tasks: int
    without_test: int
    """Number of tasks dropped because no test could be read, or no program exists."""
    masked: int
    """Number of tasks left out because of an infrastructure failure."""

    def as_dict(self) -> dict[str, float]:
        """Return the figures under the names of the official code; Best-of-N as
        ``bon_NxM_acc``."""
        figures = {
            "code_acc": self.code_acc,
            "code_test_acc": self.code_test_acc,
            "test_acc": self.test_acc,
            "test_cell_acc": self.test_cell_acc,
            "printed_p_01": self.p01,
            "p_00": self.p00,
        }
        for (n, m), chosen in self.bon.items():
            figures[f"bon_{n}x{m}_acc"] = chosen.acc
            figures[f"bon_{n}x{m}_test_acc"] = chosen.test_acc
        return figures


def official(facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]]) -> Official:
    """Return the figures of these tasks. A scale beyond a task's samples takes all its samples, as
    a slice in the official code does.

    Raises ValueError for a scale below 1 × 1.
    """
    if any(n < 1 or m < 1 for n, m in scales):
        raise ValueError("Best-of-N needs at least one program and one test")
    with_tests = [f for f in facts if f.parsed_U.any() and len(f.matrix.passed_PT)]
    observed = [f for f in with_tests if f.matrix.observed_PT[:, _columns(f)].all()]
    matrices = [_as_official(f) for f in observed]
    right = [estimated_right(m, np.ones(m.passed_PU.shape[1], dtype=bool)) for m in matrices]
    known = [(m, r) for m, r in zip(matrices, right, strict=True) if r is not None]
    return Official(
        code_acc=_mean([float(m.correct_P.mean()) for m in matrices]),
        code_test_acc=_pooled([m.passed_PG for m in matrices]),
        test_acc=_mean([float(r.mean()) for _, r in known]),
        test_cell_acc=_pooled([m.passed_PU[m.correct_P] for m, _ in known]),
        p01=_accepted(known, 0),
        p00=_accepted(known, 1),
        bon={(n, m): _best(matrices, n, m) for n, m in scales},
        tasks=len(observed),
        without_test=len(facts) - len(with_tests),
        masked=len(with_tests) - len(observed),
    )


def _columns(facts: TaskFacts) -> Bools:
    """Return the tests [T] that were executed: the ground truth, and the readable tests."""
    return np.concatenate([np.ones(facts.matrix.ground_truth, dtype=bool), facts.parsed_U])


def _as_official(facts: TaskFacts) -> PassMatrix:
    matrix = facts.matrix
    passed = matrix.passed_PT & _columns(facts)
    return PassMatrix(passed, np.ones_like(passed), matrix.ground_truth)


def _best(matrices: Sequence[PassMatrix], n: int, m: int) -> OfficialChoice:
    picks = [first_index(matrix, n, m) for matrix in matrices]
    chosen = list(zip(matrices, picks, strict=True))
    return OfficialChoice(
        acc=_mean([float(matrix.correct_P[i]) for matrix, i in chosen]),
        test_acc=_pooled([matrix.passed_PG[i] for matrix, i in chosen]),
    )


def _accepted(known: Sequence[tuple[PassMatrix, Bools]], right_or_wrong: int) -> float:
    """Return passed / all cells of wrong programs on right (0) or wrong (1) tests."""
    cells = np.zeros(2)
    for matrix, right in known:
        cells += acceptance(matrix, right, np.ones_like(right))[right_or_wrong]
    return float(cells[0] / cells[1]) if cells[1] else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _pooled(cells: Sequence[Bools]) -> float:
    every = np.concatenate([c.ravel() for c in cells]) if cells else np.zeros(0, dtype=bool)
    return float(every.mean()) if every.size else float("nan")
