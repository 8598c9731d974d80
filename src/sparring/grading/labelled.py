"""Labelled evidence of a graded group: what a choice among its programs may know, and the truth."""

from __future__ import annotations

import numpy as np

from sparring.grading.distinct_inputs import answers_by_input, input_numbers
from sparring.grading.group import GroupResult
from sparring.selection.evidence import Evidence
from sparring.selection.labelled import LabelledEvidence


def labelled_evidence(group: GroupResult) -> LabelledEvidence:
    """Return the labelled evidence of the programs and tests that could be read.

    A program whose ground truth is unknown (an infrastructure failure) is left out, and its
    response too, as if it had not been sampled.
    """
    matrix, read_U = group.matrix, group.parsed_U
    read_P = np.array([p.source is not None for p in group.programs], dtype=bool)
    known_P = matrix.correct_P | matrix.wrong_P
    keep = read_P & known_P
    input_U = input_numbers([p.test for p in group.tests])
    response_P = np.cumsum(known_P) - 1
    return LabelledEvidence(
        group.task.id,
        Evidence(
            matrix.passed_PU[keep][:, read_U],
            matrix.observed_PU[keep][:, read_U],
            answers_by_input(group, input_U)[keep],
        ),
        matrix.correct_P[keep],
        input_U[read_U],
        response_P[keep],
        np.flatnonzero(read_U),
        int(known_P.sum()),
        len(read_U),
    )
