"""Arms of a comparison: each arm is a set of runs under one label that differ only in their seed.

The user gives the label (``ours=runs/a``), or the label is made from the recipes: the preset, and
the fields in which runs of one preset differ.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sparring.config.load import differing, recorded_recipe
from sparring.config.presets import Preset
from sparring.config.recipe import Recipe
from sparring.errors import RunError, SparringError, well_formed
from sparring.evaluation.recomputed import figures
from sparring.matrix import Floats
from sparring.runs.evaluation import FIGURES, is_evaluation
from sparring.runs.reader import EVALUATIONS, METRICS, RunReader, open_run
from sparring.runs.text import one_line

_NOT_THE_METHOD = re.compile(
    r"training\.(seed|threads|checkpoint_every|keep_checkpoints)|sandbox\..*|monitors\..*|tracking\..*"
)
"""Fields in which the runs of one arm may differ."""
_HELD_OUT = {"held_out", "held_out_count", "held_out_seed"}


@dataclass(frozen=True, slots=True)
class RunData:
    """Data of a run that a comparison needs.

    ``per_task`` holds the figures by task of the run's last evaluation. ``tasks`` identifies these
    tasks: runs with equal ``tasks`` can be paired by task.
    """

    path: Path
    recipe: Recipe | None = None
    metrics: Sequence[Mapping[str, Any]] = ()
    evaluations: Sequence[Mapping[str, Any]] = ()
    per_task: Mapping[str, Floats] = field(default_factory=dict)
    tasks: str = ""
    evaluation: bool = False

    @property
    def run(self) -> RunReader:
        """Reader of the run's directory, for its rollouts."""
        return RunReader(self.path)


@dataclass(frozen=True, slots=True)
class Arm:
    """Runs under one label: the seeds of one setting."""

    label: str
    runs: Sequence[RunData]


def arms_of(arguments: Sequence[str]) -> list[Arm]:
    """Return the arms of ``[LABEL=]PATH`` arguments, in their order.

    A path is a run directory, an evaluation's directory, or a result of ``benchmarks/results.py``.
    Raises `SparringError`.
    """
    split = [_split(a) for a in arguments]
    runs = [_read(path) for _, path in split]
    labels = _labels([r for r, (label, _) in zip(runs, split, strict=True) if label is None])
    arms: dict[str, list[RunData]] = {}
    for (label, _), run in zip(split, runs, strict=True):
        arms.setdefault(one_line(label or labels[run.path], 60), []).append(run)
    return [Arm(label, group) for label, group in arms.items()]


def _split(argument: str) -> tuple[str | None, Path]:
    label, sign, path = argument.partition("=")
    if sign and label and not Path(argument).exists():
        return label, Path(path)
    return None, Path(argument)


def _read(path: Path) -> RunData:
    if path.suffix == ".json" and path.is_file():
        return _result(path)
    if not path.is_dir():
        raise RunError(f"{path}: there is no such run directory")
    if is_evaluation(path):
        record = figures(path)
        with well_formed(f"{path}: {FIGURES}"):
            tasks = json.dumps([t["digest"] for t in record["tasks"]])
            values = _floats(record["per_task"])
        return RunData(path, per_task=values, tasks=f"evaluation of {tasks}", evaluation=True)
    run = open_run(path)
    try:
        recipe = recorded_recipe(run)
    except SparringError:
        recipe = None  # written by another version; the figures can be read all the same
    tasks = f"{path}" if recipe is None else recipe.tasks.model_dump_json(include=_HELD_OUT)
    values = {}
    if steps := run.steps("evaluations", ".json"):
        name = f"evaluations/step-{steps[-1]:05d}.json"
        with well_formed(f"{path}: {name}"):
            values = _floats(run.read_json(name)["per_task"])
    return RunData(path, recipe, run.jsonl(METRICS), run.jsonl(EVALUATIONS), values, tasks)


def _result(path: Path) -> RunData:
    """Read a result of the benchmarks, which holds figures but no rollouts."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
    with well_formed(str(path)):
        ends = [
            {"step": step, "metrics": {k: {"mean": v} for k, v in data[name].items()}}
            for name, step in (("before", 0), ("after", int(data["steps"])))
        ]
        values = _floats(data["per_task"])
        return RunData(path, None, (), ends, values, f"benchmarks, {data['split']}")


def _floats(values: Mapping[str, Sequence[float | None]]) -> dict[str, Floats]:
    return {
        k: np.array([math.nan if x is None else x for x in v], dtype=float)
        for k, v in values.items()
    }


def _labels(runs: Sequence[RunData]) -> dict[Path, str]:
    """Return a label for each run: its preset, and the fields in which the preset's runs differ."""
    keys: dict[Preset, set[str]] = {}
    for run in runs:
        if run.recipe is not None:
            same = [r.recipe for r in runs if r.recipe and r.recipe.preset is run.recipe.preset]
            changed = {k for other in same[1:] for k in differing(same[0], other)}
            keys[run.recipe.preset] = {k for k in changed if not _NOT_THE_METHOD.fullmatch(k)}
    labels = {}
    for run in runs:
        if run.recipe is None:
            labels[run.path] = run.path.parent.name if run.path.suffix else run.path.name
            continue
        data = run.recipe.model_dump(mode="json")
        fields = [f"{k.partition('.')[2]}={_at(data, k)}" for k in sorted(keys[run.recipe.preset])]
        labels[run.path] = ", ".join([str(run.recipe.preset), *fields])
    return labels


def _at(data: Mapping[str, Any], key: str) -> str:
    section, _, name = key.partition(".")
    value = data[section][name] if name else data[section]
    return f"{value:g}" if isinstance(value, float) else str(value)
