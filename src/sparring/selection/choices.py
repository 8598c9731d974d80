"""Choices by the default rule among drawn responses, with the truth: what a confidence is fitted
and judged on.

Axes: C choices, S signals (`calibration.Signal`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.selection import default
from sparring.selection.calibration import Signal
from sparring.selection.confidence import has_values, signals
from sparring.selection.labelled import Indices, LabelledEvidence

SIZES = ((4, 4), (5, 5), (8, 8), (10, 10), (16, 16), (20, 20), (32, 32), (40, 40), (50, 50))
"""Programs × tests that are drawn, as far as a task has so many: those at which people work."""
DRAWS = 8
_SEED = 0

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Choices:
    """Chosen programs: their signals, whether they are right, and where they come from.

    ``size_C``: programs and tests drawn [C, 2]. ``silent``: draws in which no program gave a value
    or none could be read; they have no probability and are not among the choices.
    """

    signals_CS: Floats
    right_C: Bools
    passed_C: Floats
    """Share of the tests that the chosen program passes."""
    data_set_C: Names
    task_C: Names
    size_C: Indices
    silent: int

    def part(self, keep_C: Bools) -> Choices:
        """Return some of the choices."""
        return Choices(
            self.signals_CS[keep_C],
            self.right_C[keep_C],
            self.passed_C[keep_C],
            self.data_set_C[keep_C],
            self.task_C[keep_C],
            self.size_C[keep_C],
            self.silent,
        )


def sizes_for(coder: int, tester: int) -> list[tuple[int, int]]:
    """Return the sizes that a task with so many responses has; its own where it has none."""
    found = [(n, m) for n, m in SIZES if n <= coder and m <= tester]
    return found or [(coder, tester)]


def drawn_choices(
    data_set: str,
    tasks: Sequence[LabelledEvidence],
    sizes: Sequence[tuple[int, int]] | None = None,
    draws: int = DRAWS,
) -> Choices:
    """Return the default rule's choices in ``draws`` draws of each size from each task. Without
    ``sizes`` each task has those of `sizes_for`. Of programs equal under the rule the first is
    chosen, and draws are in random order."""
    found: list[tuple[Floats, Bools, Floats, str, tuple[int, int]]] = []
    silent = 0
    for t, task in enumerate(tasks):
        fitting = sizes_for(task.coder, task.tester) if sizes is None else sizes
        for n, m in fitting:
            rng = np.random.default_rng([_SEED, t, n, m])
            drawn = 0
            for evidence, rows in task.draws(n, m, draws, rng):
                heard = has_values(evidence)
                chosen = np.argmax(default.scores(evidence), axis=-1)
                at = np.arange(len(rows))
                passed = evidence.cells_PU.sum(axis=-1) / np.maximum(
                    evidence.observed_PU.sum(axis=-1), 1
                )
                found.append(
                    (
                        signals(evidence)[at, chosen][heard],
                        task.correct_P[rows[at, chosen]][heard],
                        passed[at, chosen][heard],
                        task.task,
                        (n, m),
                    )
                )
                drawn += int(heard.sum())
            silent += draws - drawn
    counts = [len(right) for _, right, _, _, _ in found]
    return Choices(
        np.concatenate([np.zeros((0, len(Signal))), *(f[0] for f in found)]),
        np.concatenate([np.zeros(0, bool), *(f[1] for f in found)]),
        np.concatenate([np.zeros(0), *(f[2] for f in found)]),
        np.repeat(np.array([data_set]), sum(counts)),
        np.repeat(np.array([f[3] for f in found], dtype=np.str_), counts),
        np.repeat(np.array([f[4] for f in found], dtype=np.int64).reshape(-1, 2), counts, axis=0),
        silent,
    )


def joined(parts: Sequence[Choices]) -> Choices:
    """Return the choices of several data sets together."""
    return Choices(
        np.concatenate([p.signals_CS for p in parts]),
        np.concatenate([p.right_C for p in parts]),
        np.concatenate([p.passed_C for p in parts]),
        np.concatenate([p.data_set_C for p in parts]),
        np.concatenate([p.task_C for p in parts]),
        np.concatenate([p.size_C for p in parts]),
        sum(p.silent for p in parts),
    )
