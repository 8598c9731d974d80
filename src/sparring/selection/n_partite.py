"""Scores that spread over a graph of several kinds of vertices, such as programs and tests.

Source: MPSC, arXiv 2309.17272, and its code (skpig/MPSC at 5efa22b) for what follows. Each kind is
a part; edges of weight 0 to 1 join vertices of different parts. With the normalised matrix
T = D^-½ A D^-½ the scores are s = α T s + (1 − α) s0. A vertex without an edge scores 0.

- s0, normalised to 1 in each part: vertices of one part with equal edges form a class; s0 is the
  number of its members × the mean weight of its edges to each other part.
- α is .95 where the mean weight of all possible edges is at least .16, else .01.

The released code iterates until s moves by less than 1e-6, at most 5,000 times. Here the linear
equation is solved, which is the limit of that iteration: T has no eigenvalue beyond 1, and α < 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparring.matrix import Bools, Floats

ALPHA_DENSE, ALPHA_SPARSE = 0.95, 0.01
"""Weight of a vertex's neighbours against its start value, for many edges and for few."""
DENSE = 0.16
"""Mean edge weight from which a graph has many edges."""
_DIGITS = 9

Edges = Mapping[tuple[int, int], Floats]
"""Weights of the edges between part i and part j [..., vertices of i, vertices of j], i < j."""


def n_partite_scores(
    edges: Edges, classes: Sequence[Floats], present: Sequence[Bools]
) -> list[Floats]:
    """Return the scores of all vertices, by part [..., vertices], rounded to nine digits.

    ``classes``: the size of each vertex's class [..., vertices], see `class_sizes`. ``present``
    [..., vertices]: False for a vertex that does not exist; such a vertex has no edges.
    """
    sizes = [x.shape[-1] for x in classes]
    first = np.concatenate([[0], np.cumsum(sizes)])
    places = [slice(first[i], first[i + 1]) for i in range(len(sizes))]
    front, total = classes[0].shape[:-1], int(first[-1])
    graph = np.zeros((*front, total, total))
    start = np.zeros((*front, total))
    for (i, j), weight in edges.items():
        graph[..., places[i], places[j]] = weight
        graph[..., places[j], places[i]] = weight.swapaxes(-1, -2)
    counts = [x.sum(axis=-1) for x in present]
    for i, own in enumerate(places):
        value = classes[i]
        for j, other in enumerate(places):
            if i != j:
                mean = graph[..., own, other].sum(axis=-1) / np.maximum(counts[j], 1)[..., None]
                value = value * mean
        start[..., own] = value / _above_zero(value.sum(axis=-1, keepdims=True))
    pairs = sum(counts[i] * counts[j] for i, j in edges)
    dense = graph.sum(axis=(-2, -1)) / 2 >= DENSE * pairs
    score = spread(graph, start, np.where(dense, ALPHA_DENSE, ALPHA_SPARSE))
    return [score[..., own] for own in places]


def class_sizes(rows: Floats) -> Floats:
    """Return for each vertex [..., vertices] the number of vertices with the same edges, itself
    included. ``rows``: the weights of each vertex's edges [..., vertices, others]."""
    same = (rows[..., :, None, :] == rows[..., None, :, :]).all(axis=-1)
    return np.asarray(same.sum(axis=-1), dtype=float)


def spread(graph: Floats, start: Floats, alpha: Floats) -> Floats:
    """Return the solution s [..., V] of s = α T s + (1 − α) start; 0 for vertices without edges.

    ``graph``: symmetric weights A [..., V, V]. ``alpha`` [...] is below 1.
    """
    degree = graph.sum(axis=-1)
    norm = np.where(degree > 0, 1 / np.sqrt(_above_zero(degree)), 0.0)
    step = norm[..., :, None] * graph * norm[..., None, :]
    left = np.eye(graph.shape[-1]) - alpha[..., None, None] * step
    right = (1 - alpha)[..., None] * start
    score = np.linalg.solve(left, right[..., None])[..., 0]
    return np.asarray(np.round(np.where(degree > 0, score, 0.0), _DIGITS))


def _above_zero(x: Floats) -> Floats:
    return np.where(x > 0, x, 1.0)
