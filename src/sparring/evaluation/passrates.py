"""Pass rates of tasks: the share of programs that solved each task, read from files.

A pass rate says as much about a model as about a task, so it always comes from executed programs.
A run gives the share of its coder's responses, over all recorded steps, that were correct by ground
truth. An evaluation (``eval.json``) gives the share of its programs that were correct. A file of
rates states each rate.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from sparring.errors import DataError, RunError
from sparring.runs.evaluation import FIGURES, eval_record
from sparring.runs.reader import open_run
from sparring.tasks.rows.files import RowFault, file_rows


def pass_rates(source: Path) -> dict[str, float]:
    """Return the share of correct programs by task id.

    ``source`` is the directory of a run or of an evaluation, or a file of rows with ``task_id``
    and either ``pass_rate`` or ``correct`` and ``programs`` (counts). Raises `DataError` or
    `RunError`, which name the row.
    """
    if (source / FIGURES).is_file():
        rates = _of_evaluation(source / FIGURES)
    elif source.is_dir():
        rates = _of_run(source)
    else:
        rates = _of_file(source)
    if not rates:
        raise DataError(f"{source}: has no pass rate of any task; name another --rates")
    return rates


def _of_run(path: Path) -> dict[str, float]:
    run = open_run(path)
    correct: dict[str, list[bool]] = defaultdict(list)
    for step in run.recorded_steps():
        for record in run.groups(step):
            try:
                correct[str(record["task"]["id"])] += [
                    bool(p["correct"]) for p in record["programs"]
                ]
            except (KeyError, TypeError):
                raise DataError(f"{path}, step {step}: not a rollout of a task") from None
    return {name: sum(programs) / len(programs) for name, programs in correct.items() if programs}


def _of_evaluation(path: Path) -> dict[str, float]:
    try:
        record = eval_record(path)
        names = [str(task["id"]) for task in record["tasks"]]
        rate_by_task = list(zip(names, record["per_task"]["pass@1"], strict=True))
    except (RunError, ValueError, KeyError, TypeError):
        raise DataError(f"{path}: not an evaluation with values by task") from None
    # A task without an observed program has null for its rate.
    return {name: float(r) for name, r in rate_by_task if _number(r) is not None}


def _of_file(path: Path) -> dict[str, float]:
    rates = {}
    for raw in file_rows(path):
        if isinstance(raw, RowFault):
            raise DataError(str(raw))
        name, rate = _rate(raw.row)
        if name is None or rate is None:
            raise DataError(
                f"{raw.where}: needs task_id, and pass_rate from 0 to 1 or the counts correct and "
                "programs"
            )
        if name in rates:
            raise DataError(f"{raw.where}: task {name} occurs twice")
        rates[name] = rate
    return rates


def _rate(row: Any) -> tuple[str | None, float | None]:
    if not isinstance(row, dict) or not isinstance(row.get("task_id"), (str, int)):
        return None, None
    rate = row.get("pass_rate")
    if rate is None:
        correct, programs = _number(row.get("correct")), _number(row.get("programs"))
        rate = correct / programs if correct is not None and programs else None
    rate = _number(rate)
    return str(row["task_id"]), rate if rate is not None and 0 <= rate <= 1 else None


def _number(value: object) -> float | None:
    if isinstance(value, str):  # a cell of CSV
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
