"""The directory of an evaluation (``sparring eval``), as it is read.

It has records of its tasks as a run has of a step, under step 0, and no recipe: nothing was
learned. Figures are those of eval.json; making them is not done here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.runs.reader import RECIPE

CONFIG, FIGURES = "config.json", "eval.json"


def is_evaluation(path: Path) -> bool:
    """Whether a directory holds an evaluation's records and no run."""
    if (path / RECIPE).exists():
        return False
    return (path / FIGURES).exists() or ((path / CONFIG).exists() and (path / "rollouts").is_dir())


def eval_record(path: Path) -> dict[str, Any]:
    """eval.json of a directory, or that file itself. Raises `RunError`."""
    file = path / FIGURES if path.is_dir() else path
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: holds no evaluation (there is no {FIGURES})") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: {file.name} is damaged: {error}") from None
    if not isinstance(record, dict):
        raise RunError(f"{file}: is no evaluation of sparring eval")
    return record


def figures(path: Path) -> dict[str, Any]:
    """eval.json, with figures of all kinds. Raises `RunError` where it is missing, damaged or of
    another form."""
    record = eval_record(path)
    with well_formed(f"{path}: {FIGURES}"):
        for name in ("figures", "per_task", "ratios"):
            dict(record[name])
        [str(t["digest"]) for t in record["tasks"]]
    return record


def facts(record: Mapping[str, Any]) -> list[list[Any]]:
    """What a reader is told first: [name, value]. Raises `RunError` for another form."""
    with well_formed(FIGURES):
        conditions = record["conditions"]
        params = conditions["params"]
        return [
            *([role, m["name"]] for role, m in record["models"].items()),
            ["tasks", len(record["tasks"])],
            ["programs per task", conditions["programs"]],
            ["tests per task", conditions["tests"]],
            *([] if params is None else [["temperature", params["temperature"]]]),
            ["checker", ", ".join(conditions["checkers"])],
            *([] if params is None else [["seed", conditions["seed"]]]),
        ]
