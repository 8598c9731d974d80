"""The statistics that the official code prints after an evaluation, number for number.

Gen-Verse/CURE at commit 69fe174, for ``--preset official``: to be compared
with figures that others got from it. `benchmark` has ours, and docs/metrics.md
what is different. As it is there:

- a task of which no generated test could be read is in no figure;
- a test that could not be read is in the matrix as one that nobody passes;
- a test is right when every correct program of the task passes it; the tester's
  figures are of tasks with a correct program;
- Best-of-(n, m) takes the first n programs and m tests, and the first of equals.

The official code knows no failures of its own. A task with a masked cell would
make one a wrong program, so it is left out, and counted.
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
class Chosen:
    """What the chosen programs are worth: ``acc``, the share that pass all ground-truth tests;
    ``test_acc``, the share of all tasks' ground-truth tests that they pass."""

    acc: float
    test_acc: float


@dataclass(frozen=True, slots=True)
class Official:
    """The official figures over ``tasks``, as shares; NaN where there is nothing to count.

    ``code_acc``: programs that pass all ground-truth tests. ``code_test_acc``: ground-truth cells
    passed, of all programs and tasks together. ``test_acc`` (printed as estimated): right tests.
    ``test_cell_acc`` (printed as accumulated): cells of correct programs on generated tests that
    passed. ``p01`` and ``p00``: wrong programs' cells that passed, on right and on wrong tests,
    of all tasks together.
    """

    code_acc: float
    code_test_acc: float
    test_acc: float
    test_cell_acc: float
    p01: float
    p00: float
    bon: dict[tuple[int, int], Chosen]
    tasks: int
    without_test: int
    """Tasks dropped because no test could be read (or there was no program)."""
    masked: int
    """Tasks left out because of a failure of our own."""

    def as_dict(self) -> dict[str, float]:
        """Flat, under the names of the official code; Best-of-N as ``bon_NxM_acc``."""
        found = {
            "code_acc": self.code_acc,
            "code_test_acc": self.code_test_acc,
            "test_acc": self.test_acc,
            "test_cell_acc": self.test_cell_acc,
            "printed_p_01": self.p01,
            "p_00": self.p00,
        }
        for (n, m), chosen in self.bon.items():
            found[f"bon_{n}x{m}_acc"] = chosen.acc
            found[f"bon_{n}x{m}_test_acc"] = chosen.test_acc
        return found


def official(facts: Sequence[TaskFacts], scales: Sequence[tuple[int, int]]) -> Official:
    """The figures of these tasks. n and m beyond what a task has take all it has, as a slice does.

    Raises ValueError where a scale is below 1 × 1.
    """
    if any(n < 1 or m < 1 for n, m in scales):
        raise ValueError("Best-of-N needs at least one program and one test")
    told = [f for f in facts if f.parsed_U.any() and len(f.matrix.passed_PT)]
    whole = [f for f in told if f.matrix.observed_PT[:, _columns(f)].all()]
    matrices = [_as_official(f) for f in whole]
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
        tasks=len(whole),
        without_test=len(facts) - len(told),
        masked=len(told) - len(whole),
    )


def _columns(facts: TaskFacts) -> Bools:
    """The tests that were run [T]: ground truth, and what could be read."""
    return np.concatenate([np.ones(facts.matrix.ground_truth, dtype=bool), facts.parsed_U])


def _as_official(facts: TaskFacts) -> PassMatrix:
    matrix = facts.matrix
    passed = matrix.passed_PT & _columns(facts)
    return PassMatrix(passed, np.ones_like(passed), matrix.ground_truth)


def _best(matrices: Sequence[PassMatrix], n: int, m: int) -> Chosen:
    picks = [first_index(matrix, n, m) for matrix in matrices]
    chosen = list(zip(matrices, picks, strict=True))
    return Chosen(
        acc=_mean([float(matrix.correct_P[i]) for matrix, i in chosen]),
        test_acc=_pooled([matrix.passed_PG[i] for matrix, i in chosen]),
    )


def _accepted(known: Sequence[tuple[PassMatrix, Bools]], which: int) -> float:
    """Cells of wrong programs on right (0) or wrong (1) tests: passed / all."""
    cells = np.zeros(2)
    for matrix, right in known:
        cells += acceptance(matrix, right, np.ones_like(right))[which]
    return float(cells[0] / cells[1]) if cells[1] else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _pooled(cells: Sequence[Bools]) -> float:
    every = np.concatenate([c.ravel() for c in cells]) if cells else np.zeros(0, dtype=bool)
    return float(every.mean()) if every.size else float("nan")
