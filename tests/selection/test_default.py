"""The default rule by hand: the most probable pattern, and in it the softest agreement."""

from __future__ import annotations

import numpy as np

from sparring.selection import default
from sparring.selection.evidence import Evidence


def test_three_alike_programs_come_before_one_that_passes_more() -> None:
    """P0 to P2 pass the same two tests, P3 three others. Of the three alike, P1 and P2 give the
    same values everywhere; P0 differs from them on an input that no test decides."""
    passed = np.array([[1, 1, 0, 0, 0]] * 3 + [[0, 0, 1, 1, 1]], dtype=bool)
    answers = np.array([[0, 0, 0, 9], [0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 2]])
    evidence = Evidence(passed, np.ones_like(passed), answers)
    score_P = default.scores(evidence)
    assert score_P[1] == score_P[2] > score_P[0] > score_P[3]
    assert default.chosen(evidence) == 1
