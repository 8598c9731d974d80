"""Comparison of two evaluations of the same tasks, paired by task, with intervals.

    sparring compare A B

Evaluations whose figures mean different things are refused: those with other tests, another rule
that compares outputs, or another grader. Differences that may be the very question are named in a
note: another model, other sampling parameters, other prompts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import RunError, well_formed
from sparring.evaluation.recomputed import with_new_figures
from sparring.metrics.intervals import Estimate, Influence
from sparring.metrics.metric_intervals import difference_of, mean_of
from sparring.metrics.share_intervals import share_difference
from sparring.runs.evaluation import eval_record

_MUST_AGREE = ("max_tests", "grader", "limits")
"""Conditions that have to be equal. `_check_same_tasks` checks the checkers, task by task."""
_NOTED = (
    *(
        "params",
        "tester_max_tokens",
        "prompts",
        "tester_prompts",
        "reasoning",
        "seed",
        "answers",
        "programs",
    ),
    *("tests", "mutants", "protocol", "top_k_sent"),
)


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of A and of B over the common tasks, and the paired difference B − A."""

    before: Estimate
    after: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class EvaluationComparison:
    """Compared figures (``lines``, by name) over ``tasks`` common tasks.

    ``notes`` name the conditions in which the two evaluations differ.
    """

    lines: Mapping[str, ComparedFigure]
    tasks: int
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-able data; unknown numbers are None."""
        return {
            "tasks": self.tasks,
            "notes": self.notes,
            "figures": {
                name: {
                    "before": line.before.as_dict(),
                    "after": line.after.as_dict(),
                    "difference": line.difference.as_dict(),
                }
                for name, line in self.lines.items()
            },
        }


def read_evaluation(path: Path) -> dict[str, Any]:
    """Return the contents of eval.json, from the file or its directory, with the figures that its
    version lacked. Raises `RunError`."""
    record = eval_record(path)
    if record.get("kind") != "evaluation":
        raise RunError(f"{path}: was not written by sparring eval; name an evaluation")
    return with_new_figures(path, record)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> EvaluationComparison:
    """Compare two records of eval.json. Raises `RunError` where they cannot be compared."""
    with well_formed("eval.json"):
        return _compared(before, after)


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> EvaluationComparison:
    a, b = before["conditions"], after["conditions"]
    for name in _MUST_AGREE:
        if a.get(name) != b.get(name):
            raise RunError(
                f"compare: {name} differs ({_short(a.get(name))} and {_short(b.get(name))}); "
                "figures under different rules cannot be compared"
            )
    _check_execution(a, b)
    first, second = _tasks(before), _tasks(after)
    common = [t for t in first if t in second]
    if not common:
        raise RunError("compare: the two evaluations have no task in common")
    _check_same_tasks(before, after, common)
    notes = [
        f"{name} differs: {_short(a.get(name))} and {_short(b.get(name))}"
        for name in _NOTED
        if a.get(name) != b.get(name)
    ]
    same_tasks = list(first) == list(second)
    if not same_tasks:
        notes.append(
            f"over the {len(common)} common tasks of {len(first)} and {len(second)}; figures that "
            "are ratios over all tasks are left out"
        )
    rows = [np.array([list(t).index(x) for x in common]) for t in (first, second)]
    lines: dict[str, ComparedFigure] = {}
    for name, values in before["per_task"].items():
        if name in after["per_task"]:
            x, y = (
                np.array(v, dtype=float)[row]
                for v, row in zip((values, after["per_task"][name]), rows, strict=True)
            )
            measured = ~np.isnan(x) & ~np.isnan(y)
            x, y = x[measured], y[measured]
            line = ComparedFigure(mean_of(name, x), mean_of(name, y), share_difference(x, y))
            if line.difference.n_tasks:
                lines[name] = line
    for name, figure in before["ratios"].items() if same_tasks else ():
        if name in after["ratios"]:
            difference = difference_of(
                name, Influence.of(figure), Influence.of(after["ratios"][name])
            )
            old, new = (Estimate.of(record["figures"][name]) for record in (before, after))
            line = ComparedFigure(old, new, difference)
            if line.difference.n_tasks and not np.isnan(line.difference.mean):
                lines[name] = line
    return EvaluationComparison(lines, len(common), notes)


def _check_same_tasks(
    before: Mapping[str, Any], after: Mapping[str, Any], common: list[str]
) -> None:
    """Raise `RunError` where common tasks have other checkers, or one id and other contents."""
    old, new = ({t["id"]: t.get("checker") for t in record["tasks"]} for record in (before, after))
    if rules := [t for t in common if old[t] and new[t] and old[t] != new[t]]:
        raise RunError(
            f"compare: the checker differs for {len(rules)} of {len(common)} common tasks, such as "
            f"{rules[0]} ({old[rules[0]]} and {new[rules[0]]}); figures under different rules "
            "cannot be compared"
        )
    first, second = _tasks(before), _tasks(after)
    if unlike := [t for t in common if first[t] != second[t]]:
        raise RunError(
            f"compare: {len(unlike)} tasks have the same id and other contents, such as "
            f"{unlike[0]}; evaluate both models on the same task file"
        )


def _check_execution(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Raise `RunError` where programs ran behind another preamble, or with other packages."""
    old, new = a.get("preambles", {}), b.get("preambles", {})
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            raise RunError(
                f"compare: preamble {name} differs (version {old[name]} and {new[name]}); figures "
                "under different rules cannot be compared"
            )
    old_names, new_names = (sorted(c.get("sandbox", {}).get("packages", {})) for c in (a, b))
    if old_names != new_names:
        raise RunError(
            f"compare: packages of the sandbox differ ({_short(old_names)} and "
            f"{_short(new_names)}); evaluate both with the same --packages"
        )


def _tasks(record: Mapping[str, Any]) -> dict[str, str]:
    return {t["id"]: t["digest"] for t in record["tasks"]}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "…"
