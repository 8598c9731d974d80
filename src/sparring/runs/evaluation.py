"""Reader of the directory of an evaluation (``sparring eval``).

The directory has records of its tasks in the format of a run's step, under step 0, and no recipe.
The figures are read from eval.json; this module computes none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.runs.reader import RECIPE
from sparring.runs.session import is_session

CONFIG, FIGURES = "config.json", "eval.json"


def is_evaluation(path: Path) -> bool:
    """Return True if a directory holds the records of an evaluation and not a run."""
    if (path / RECIPE).exists() or is_session(path):
        return False
    return (path / FIGURES).exists() or ((path / CONFIG).exists() and (path / "rollouts").is_dir())


def eval_record(path: Path) -> dict[str, Any]:
    """Read eval.json in the directory ``path``, or the file ``path`` itself. Raises `RunError`."""
    file = path / FIGURES if path.is_dir() else path
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: holds no evaluation (it has no {FIGURES})") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: {file.name} is damaged: {error}") from None
    if not isinstance(record, dict):
        raise RunError(f"{file}: is not an evaluation by sparring eval")
    return record


def figures(path: Path) -> dict[str, Any]:
    """Read eval.json and check that it has all kinds of figures. Raises `RunError` for a file that
    is missing, damaged or of another form."""
    record = eval_record(path)
    with well_formed(f"{path}: {FIGURES}"):
        for name in ("figures", "per_task", "ratios"):
            dict(record[name])
        [str(t["digest"]) for t in record["tasks"]]
    return record


def facts(record: Mapping[str, Any]) -> list[list[Any]]:
    """Return the conditions of an evaluation as [name, value] pairs: models, tasks, sampling and
    checkers. Raises `RunError` for a record of another form."""
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
