"""Figures of recorded rollouts: what a run's own groups say, without sampling or running anything.

Each recorded group gives its pass matrix (`recorded_facts`); over groups
follow rates of the tests and the Best-of-N grid. A run's steps and an
evaluation's tasks, which lie under step 0, are the same to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sparring.errors import well_formed
from sparring.grading.facts import bare_facts
from sparring.grading.recorded import result_from
from sparring.matrix import Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.rates import Rates, RightBy, by_task, count, rates
from sparring.runs.reader import RunReader
from sparring.selection.best_of_n import best_of

_DRAWS = 12
"""Subsets of the tests of one group: the mean is over groups, which differ by far more."""


def recorded_facts(run: RunReader, steps: Iterable[int]) -> Iterator[TaskFacts]:
    """The recorded groups of these steps that have programs, as metrics take them. Raises
    `RunError`."""
    for step in steps:
        for record in run.groups(step):
            with well_formed(f"{run.path}: rollouts of step {step}"):
                result = result_from(record)
                if result.programs:
                    yield bare_facts(result)


def right_by(groups: Sequence[TaskFacts]) -> list[RightBy]:
    """Who says of each group which tests are right: its reference, else the paper's rule."""
    return [RightBy.ESTIMATE if g.right_U is None else RightBy.REFERENCE for g in groups]


def rates_of(groups: Sequence[TaskFacts], by: Sequence[RightBy]) -> Rates:
    """The rates of all groups together, by task."""
    counts = np.stack([count(g, b) for g, b in zip(groups, by, strict=True)])
    return rates(by_task(groups, counts))


def grid(groups: Sequence[TaskFacts]) -> tuple[Floats, list[int], list[int]]:
    """Expected Best-of-(n, m) [n, m] over groups, and the sizes: powers of two and the whole."""
    shapes = [g.matrix.passed_PU.shape for g in groups]
    ns, ms = (_sizes(min(s[axis] for s in shapes)) for axis in (0, 1))
    ns = [n for n in ns if n > 1] or ns

    def solved(n: int, m: int) -> float:
        chosen = (
            best_of(g.matrix, n, m, g.parsed_U, draws=_DRAWS, seed=i).value
            for i, g in enumerate(groups)
        )
        return float(np.mean(list(chosen)))

    return np.array([[solved(n, m) for m in ms] for n in ns]), ns, ms


def _sizes(most: int) -> list[int]:
    return [*(2**k for k in range(most.bit_length()) if 2**k < most), most]
