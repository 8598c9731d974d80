"""Differences between runs: in their settings and in their last evaluations.

Runs that were evaluated on the same tasks are paired by task, from the recorded values by task.
Other runs get differences of means, without intervals.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.evaluation.held_out_records import Evaluated, evaluated_from, paired_differences
from sparring.runs.evaluation import FIGURES
from sparring.view.html.collect import RunOverview, at


def settings_apart(runs: Sequence[RunOverview]) -> list[list[Any]]:
    """Return the settings that differ between runs, as [name, value in each run]."""
    flat = [dict(_flat(r.recipe)) for r in runs]
    names = sorted({n for f in flat for n in f})
    rows = [[n, *(f.get(n) for f in flat)] for n in names]
    return [r for r in rows if any(v != r[1] for v in r[2:])]


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


def between(one: RunOverview, other: RunOverview) -> dict[str, Any]:
    """Return ``other`` − ``one`` at their last evaluations.

    The differences are paired by task where both runs were evaluated on the same tasks; else they
    are differences of means, without intervals.
    """
    if not one.evaluations or not other.evaluations:
        return {"paired": False, "differences": {}}
    if (
        _held_out_tasks(one) == _held_out_tasks(other)
        and (a := _values(one))
        and (b := _values(other))
    ):
        return {"paired": True, "differences": paired_differences(a.summary, b.summary)}
    old, new = one.evaluations[-1]["metrics"], other.evaluations[-1]["metrics"]
    means = {
        k: {"mean": new[k]["mean"] - v["mean"], "low": None, "high": None}
        for k, v in old.items()
        if k in new and None not in (v.get("mean"), new[k].get("mean"))
    }
    return {"paired": False, "differences": means}


def _held_out_tasks(run: RunOverview) -> Any:
    """Return the values that decide which tasks a run is evaluated on."""
    if run.evaluation is not None:
        return run.evaluation.get("tasks")
    try:
        held_out = run.run.read_json("inputs.json").get("held_out")
    except (RunError, AttributeError):
        held_out = None
    return [
        held_out,
        *(at(run.recipe, ("tasks", k)) for k in ("held_out", "held_out_count", "held_out_seed")),
    ]


def _values(run: RunOverview) -> Evaluated | None:
    step = run.evaluations[-1]["step"]
    if run.evaluation is not None:
        with well_formed(f"{run.run.path}: {FIGURES}"):
            more = {"estimates": {}, "sizes": [], "step": 0, "tokens": 0}
            return evaluated_from({**run.evaluation, **more})
    try:
        record = run.run.read_json(f"evaluations/step-{step:05d}.json")
        with well_formed(f"{run.run.path}: the evaluation after step {step}"):
            return evaluated_from(record)
    except RunError as error:
        run.notes.append(str(error))
        return None
