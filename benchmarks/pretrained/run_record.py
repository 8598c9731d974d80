"""What the record of an arm keeps of its training run: settings, curves, costs, evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pretrained.records import short

from sparring.config.load import recorded_recipe
from sparring.config.presets import method_line
from sparring.errors import well_formed
from sparring.runs.labels import figure
from sparring.runs.reader import EVALUATIONS, METRICS, TIMING, RunReader

_NO_CONDITIONS = {"tracking", "vllm", "monitors", "sandbox"}
"""Sections of a recipe that no figure depends on."""
_ENVIRONMENT = ("sparring", "packages", "cores", "torch_threads", "device")
"""What is kept of the environment in which the run began."""
_CURVES = {
    "programs_right": "pass@1",
    "tests_right": "tests_right",
    "tests_unreadable": "monitors.unparsed_tests",
    "tests_copied": "monitors.copied_tests",
    "tests_trivial": "monitors.trivial_inputs",
    "coder_gradient": "coder.gradient_share",
    "tester_gradient": "tester.gradient_share",
    "coder_length": "coder.mean_length",
    "tester_length": "tester.mean_length",
    "tokens": "tokens",
}
"""Curves of a record, and the figure of a step's metrics that each of them holds."""


def run_record(run: RunReader) -> dict[str, Any]:
    """Return settings, curves, costs and evaluations of a run that has ended. Raises `RunError`."""
    recipe = recorded_recipe(run)
    metrics, timing = run.jsonl(METRICS), run.jsonl(TIMING)
    with well_formed(f"{run.path}: its records"):
        seconds = {line["step"]: line["seconds"] for line in timing if "step" in line}
        summary = run.read_json("summary.json")
        inputs, environment = run.read_json("inputs.json"), run.read_json("environment.json")
        return {
            "method": method_line(recipe, recipe.preset, recipe.unset),
            "recipe": _without_places(recipe.model_dump(mode="json", exclude=_NO_CONDITIONS)),
            "model": {name.rpartition("/")[2]: sha for name, sha in inputs["model"].items()},
            "steps": summary["steps"],
            "tokens": summary["tokens"],
            "train_seconds": round(summary["train_seconds"], 1),
            "wall_seconds": round(summary["wall_seconds"], 1),
            "training": {name: environment[name] for name in _ENVIRONMENT},
            "curves": {
                "step": [m["step"] for m in metrics],
                "seconds": [short(seconds.get(m["step"])) for m in metrics],
                **{name: [short(figure(m, key)) for m in metrics] for name, key in _CURVES.items()},
            },
            "alarms": sorted({a["monitor"] for m in metrics for a in m["alarms"]}),
            "evaluations_in_the_run": [_evaluation(e) for e in run.jsonl(EVALUATIONS)],
        }


def _without_places(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe with the names of its files in place of their paths."""
    tasks, model = recipe["tasks"], recipe["model"]
    files = {key: [Path(file).name for file in tasks[key]] for key in ("train", "held_out")}
    path = Path(model["path"]).name
    return {**recipe, "tasks": {**tasks, **files}, "model": {**model, "path": path}}


def _evaluation(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of an evaluation in the run, and their differences from the first one."""
    return {
        "step": record["step"],
        "figures": {name: _interval(value) for name, value in record["metrics"].items()},
        "differences": {name: _interval(value) for name, value in record["differences"].items()},
    }


def _interval(estimate: Mapping[str, Any]) -> list[float | None]:
    return [short(estimate[name]) for name in ("mean", "low", "high")]
