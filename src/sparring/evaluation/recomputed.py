"""Figures of an evaluation that its version did not compute yet, from its own records.

The responses of an evaluation are recorded with every verdict. A figure that only needs those is
therefore known for an earlier evaluation too. Recorded figures are never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.grading.facts import shortcut_facts
from sparring.grading.recorded import result_from
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metric_intervals import figure_of, mean_of
from sparring.metrics.shortcuts import shortcut_means, shortcut_ratios
from sparring.runs.evaluation import FIGURES
from sparring.runs.evaluation import figures as recorded_figures
from sparring.runs.lines import clean
from sparring.runs.reader import RunReader, step_file

_NEWEST = "tests_readable"
"""Figure that every evaluation of this version has."""


def figures(path: Path) -> dict[str, Any]:
    """Read eval.json, with the figures that its version lacked; see `with_new_figures`. Raises
    `RunError` for a file that is missing, damaged or of another form."""
    return with_new_figures(path, recorded_figures(path))


def with_new_figures(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return the ``record`` of the evaluation in ``path`` with the figures of `metrics.shortcuts`.

    A record that has them is returned as it is, and so is one whose rollouts are missing, damaged
    or of other tasks. Raises `RunError` for a record of another form.
    """
    if not path.is_dir() and path.name != FIGURES:
        return record  # the files beside it may belong to another evaluation
    run = RunReader(path if path.is_dir() else path.parent)
    with well_formed(f"{path}: {FIGURES}"):
        ids = [t["id"] for t in record["tasks"]]
        if _NEWEST in record["figures"]:
            return record
    name = step_file("rollouts", 0)
    try:
        groups = [result_from(r) for r in run.read_packed(name)]
        if [g.task.id for g in groups] != ids:
            return record
        with well_formed(f"{path}: {name}"):
            facts = [_facts(shortcut_facts(g)) for g in groups]
    except RunError:  # the recorded figures are as good without them
        return record
    with well_formed(f"{path}: {FIGURES}"):
        return _with_figures(record, facts)


def _facts(facts: TaskFacts) -> TaskFacts:
    return facts if facts.pool else replace(facts, pool=facts.matrix)


def _with_figures(record: Mapping[str, Any], facts: list[TaskFacts]) -> dict[str, Any]:
    means, ratios = shortcut_means(facts), shortcut_ratios(facts)
    figures = {name: mean_of(name, values).as_dict() for name, values in means.items()}
    figures |= {name: figure_of(name, figure).as_dict() for name, figure in ratios.items()}
    per_task = {name: clean(values.tolist()) for name, values in means.items()}
    return {
        **record,
        "figures": {**record["figures"], **figures},
        "per_task": {**record["per_task"], **per_task},
        "ratios": {**record["ratios"], **{k: clean(v.as_dict()) for k, v in ratios.items()}},
    }
