"""MPSC: programs, tests and, if there are any, specifications confirm each other along a graph.

Source: arXiv 2309.17272; `n_partite` has the algorithm and its parameters. An edge joins a program
and a test that the program passes. Specifications are a third part, with the weights of their edges
to programs and to tests.

Assumption: what is right is confirmed by many of the other kind that are right themselves. With few
edges (mean weight below .16) the order is nearly that of dual agreement's product, since s0 is the
product, normalised.

Degenerate cases: 0 for a program without an edge, so all programs are equal without a test. Cost:
(P + U + S)³, the solution of a linear equation, and P² × U + U² × P for the classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.matrix import Floats
from sparring.selection.evidence import Evidence
from sparring.selection.n_partite import Edges, class_sizes, n_partite_scores


@dataclass(frozen=True, slots=True)
class SpecificationEdges:
    """Weights between 0 and 1 of the edges of S specifications: ``programs_PS`` to the programs
    that meet them, ``tests_US`` to the tests that meet them."""

    programs_PS: Floats
    tests_US: Floats


def scores(evidence: Evidence, specifications: SpecificationEdges | None = None) -> Floats:
    """Return the score of each program [..., P]."""
    passes = evidence.filled_PU
    alike = evidence.alike_PP()
    edges: Edges = {(0, 1): passes}
    rows_U = passes.swapaxes(-1, -2)
    present = [np.ones(passes.shape[:-1], dtype=bool), evidence.used_U]
    classes = []
    if specifications is not None:
        of_programs, of_tests = specifications.programs_PS, specifications.tests_US
        edges = {**edges, (0, 2): of_programs, (1, 2): of_tests}
        same = (of_programs[..., :, None, :] == of_programs[..., None, :, :]).all(axis=-1)
        alike = alike & same
        rows_U = np.concatenate([rows_U, of_tests], axis=-1)
        rows_S = np.concatenate([of_programs, of_tests], axis=-2).swapaxes(-1, -2)
        present.append(np.ones(rows_S.shape[:-1], dtype=bool))
        classes.append(class_sizes(rows_S))
    classes = [alike.sum(axis=-1).astype(float), class_sizes(rows_U), *classes]
    return n_partite_scores(edges, classes, present)[0]
