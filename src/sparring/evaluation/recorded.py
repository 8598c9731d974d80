"""Figures of recorded rollouts, computed without sampling a response or running a program.

`recorded_facts` reads the pass matrix of each recorded group. The functions below compute the rates
of the tests and the Best-of-N grid over groups. The steps of a run and the tasks of an evaluation,
which are recorded as step 0, are read alike.
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
"""Subsets of tests that are drawn for each group. A few are enough: groups differ by far more."""


def recorded_facts(run: RunReader, steps: Iterable[int]) -> Iterator[TaskFacts]:
    """Yield the facts of every recorded group of these steps that has programs.

    Raises `RunError`.
    """
    for step in steps:
        for record in run.groups(step):
            with well_formed(f"{run.path}: rollouts of step {step}"):
                group = result_from(record)
                if group.programs:
                    yield bare_facts(group)


def right_by(groups: Sequence[TaskFacts]) -> list[RightBy]:
    """Return for each group how its right tests are known: by a reference, or the paper's rule."""
    return [RightBy.ESTIMATE if g.right_U is None else RightBy.REFERENCE for g in groups]


def rates_of(groups: Sequence[TaskFacts], by: Sequence[RightBy]) -> Rates:
    """Return the rates over all groups, clustered by task."""
    counts = np.stack([count(g, b) for g, b in zip(groups, by, strict=True)])
    return rates(by_task(groups, counts))


def grid(groups: Sequence[TaskFacts]) -> tuple[Floats, list[int], list[int]]:
    """Return the mean expected Best-of-(n, m) over groups, [N, M], and its sizes n and m.

    The sizes are powers of two and the largest number that every group has.
    """
    shapes = [g.matrix.passed_PU.shape for g in groups]
    ns, ms = (_sizes(min(s[axis] for s in shapes)) for axis in (0, 1))
    ns = [n for n in ns if n > 1] or ns

    def solved(n: int, m: int) -> float:
        shares = (
            best_of(g.matrix, n, m, g.parsed_U, draws=_DRAWS, seed=i).value
            for i, g in enumerate(groups)
        )
        return float(np.mean(list(shares)))

    return np.array([[solved(n, m) for m in ms] for n in ns]), ns, ms


def _sizes(most: int) -> list[int]:
    return [*(2**k for k in range(most.bit_length()) if 2**k < most), most]
