"""A calibration of one's own: labelled evaluations → coefficients, and their reliability.

The reliability is measured on tasks that were not used: the tasks are divided into five parts, and
each part is judged by a calibration of the other four. The calibration that is written is fitted on
all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import DataError, well_formed
from sparring.grading.labelled import labelled_evidence
from sparring.grading.recorded import result_from
from sparring.matrix import Floats
from sparring.metrics.reliability import Reliability, reliability
from sparring.runs.evaluation import figures, is_evaluation
from sparring.runs.reader import RunReader
from sparring.selection.calibration import Calibration, fit, shipped, weights
from sparring.selection.choices import Choices, Names, drawn_choices, joined
from sparring.selection.labelled import LabelledEvidence
from sparring.version import __version__

FOLDS = 5
MIN_TASKS = 20
"""Fewest tasks with a choice: four in each part."""


@dataclass(frozen=True, slots=True)
class OwnCalibration:
    """Calibration fitted on evaluations, its reliability on held-out tasks, and that of the shipped
    calibration on the same choices."""

    calibration: Calibration
    held_out: Reliability
    shipped: Reliability
    silent: int
    """Draws without a value on any input, for which there is no probability."""


def calibrate(directories: Sequence[Path]) -> OwnCalibration:
    """Fit a calibration on evaluations by ``sparring eval``. Raises `DataError`, `RunError`."""
    parts = [drawn_choices(str(d), labelled_tasks(d)) for d in directories]
    choices = joined(parts)
    tasks = np.unique(choices.task_C)
    if len(tasks) < MIN_TASKS:
        raise DataError(
            f"{_named(directories)}: {len(tasks)} tasks have a program to choose by a test that "
            f"ran, and a calibration needs {MIN_TASKS}; evaluate more tasks, with -n and -m of at "
            "least 4"
        )
    held_out = _held_out(choices, tasks, directories)
    weight = _weights(choices)
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "data": [_facts(d, p) for d, p in zip(directories, parts, strict=True)],
        "sparring": __version__,
        "choices": len(choices.right_C),
        "tasks": len(tasks),
    }
    calibration = fit(choices.signals_CS, choices.right_C, weight, facts)
    return OwnCalibration(
        calibration,
        reliability(held_out, choices.right_C, weight, choices.task_C),
        reliability(
            shipped().probability(choices.signals_CS), choices.right_C, weight, choices.task_C
        ),
        choices.silent,
    )


def labelled_tasks(directory: Path) -> list[LabelledEvidence]:
    """Read the labelled tasks of an evaluation that have a program and were asked for tests.

    Raises `DataError` where there are none, `RunError` for a directory without an evaluation.
    """
    if not is_evaluation(directory):
        figures(directory)  # raises the error that says what is missing
    found = []
    for record in RunReader(directory).groups(0):
        with well_formed(f"{directory}: rollouts"):
            group = result_from(record)
            if group.task.tests and group.programs and group.tests:
                found.append(labelled_evidence(group))
    if not found:
        raise DataError(
            f"{directory}: no task has programs, generated tests and ground truth; evaluate with "
            "-n and -m of at least 4"
        )
    return found


def _held_out(choices: Choices, tasks: Names, directories: Sequence[Path]) -> Floats:
    """Return the probability of each choice by a calibration of the other parts of the tasks."""
    part_of = np.random.default_rng(0).permutation(len(tasks)) % FOLDS
    part_C = part_of[np.searchsorted(tasks, choices.task_C)]
    stated = np.zeros(len(choices.right_C))
    for part in range(FOLDS):
        rest = choices.part(part_C != part)
        if rest.right_C.all() or not rest.right_C.any():
            kind = "right" if rest.right_C.any() else "wrong"
            raise DataError(
                f"{_named(directories)}: (nearly) all choices are {kind}, so nothing tells when to "
                "be sure; add evaluations of harder tasks and of easier ones"
            )
        calibration = fit(rest.signals_CS, rest.right_C, _weights(rest), {})
        stated[part_C == part] = calibration.probability(choices.signals_CS[part_C == part])
    return stated


def _weights(choices: Choices) -> Floats:
    """Return a weight for each choice: every task of every evaluation counts equally."""
    of = np.char.add(np.char.add(choices.data_set_C, "\n"), choices.task_C)
    return weights(["" for _ in of], of.tolist())


def _facts(directory: Path, choices: Choices) -> Mapping[str, Any]:
    record = figures(directory)
    with well_formed(f"{directory}: eval.json"):
        model = record["models"]["coder"]["name"] if "coder" in record["models"] else "answers"
        return {
            "evaluation": directory.name,
            "model": str(model),
            "tasks": len(np.unique(choices.task_C)),
            "choices": len(choices.right_C),
        }


def _named(directories: Sequence[Path]) -> str:
    return ", ".join(map(str, directories))
