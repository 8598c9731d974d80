"""The directory of an evaluation: begin or continue it, measure, write the results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sparring.errors import RunError, explained, well_formed
from sparring.evaluation import report
from sparring.evaluation.collect import CollectedResponses
from sparring.evaluation.conditions import conditions, differing_conditions
from sparring.evaluation.evaluator import evaluate
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.record import Models, record_of
from sparring.evaluation.rollouts import rollout
from sparring.grading.group import ReadGroup
from sparring.metrics.benchmark import measure
from sparring.runs.directory import RunDir
from sparring.runs.lines import clean
from sparring.runs.reader import step_file
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task

OUTCOMES, CONFIG, FIGURES = "outcomes.db", "config.json", "eval.json"


@dataclass(frozen=True, slots=True)
class MeasuredEvaluation:
    """Result of an evaluation.

    ``record`` is the contents of eval.json; ``complaint`` names missing responses, or is None.
    """

    record: Mapping[str, Any]
    complaint: str | None


def recorded_models(out: Path) -> dict[str, dict[str, Any]]:
    """Return the models' identities by role, as an evaluation begun in ``out`` recorded them."""
    try:
        models = json.loads((out / CONFIG).read_text(encoding="utf-8"))["models"]
        return {role: dict(m["identity"]) for role, m in models.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}  # no evaluation, or a damaged one, for which `begin_evaluation` raises an error


def begin_evaluation(
    directory: RunDir,
    options: EvalOptions,
    models: Models,
    tasks: Sequence[Task],
    has_responses: bool,
) -> None:
    """Record the conditions of an evaluation; refuse to continue another one in this directory.

    ``has_responses`` is True if a response of the recorded evaluation is on disk. An evaluation
    without responses may be replaced. Raises `RunError`.
    """
    config = json.loads(json.dumps(clean(conditions(options, tasks))))
    config["models"] = {role: dict(model) for role, model in models.items()}
    if directory.has(CONFIG) and has_responses:
        old_config = directory.read_json(CONFIG)
        with well_formed(f"{directory.path}: {CONFIG}"):
            old_fixed = {**old_config.get("fixed", {}), **_identities(old_config)}
        new_fixed = {**config["fixed"], **_identities(config)}
        for role in Role:
            # A role that gave no responses before, or gives none now, may change its model.
            if role not in old_fixed or role not in new_fixed:
                old_fixed.pop(role, None)
                new_fixed.pop(role, None)
        if differ := differing_conditions(old_fixed, new_fixed):
            raise RunError(
                f"{directory.path}: was begun with another {'; another '.join(differ)}; choose "
                "another --out (and --cache DIR, to share responses)"
            )
    elif not directory.has(CONFIG) and (
        other_files := sorted(f.name for f in directory.path.iterdir() if f.name != "lock")
    ):
        raise RunError(
            f"{directory.path}: is not empty (it has {other_files[0]}) and holds no evaluation; "
            "choose another --out"
        )
    directory.write_json(CONFIG, config)


def _identities(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the models' identities by role."""
    return {role: m.get("identity") for role, m in record.get("models", {}).items()}


def cache_of(path: Path | None) -> Path | None:
    """Return the directory of a cache, after making it where it does not exist."""
    if path is not None:
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
    return path


def evaluate_and_write(
    directory: RunDir,
    options: EvalOptions,
    models: Models,
    tasks: Sequence[Task],
    groups: Iterable[ReadGroup],
    collected: CollectedResponses,
    notes: Sequence[str],
    progress: EvaluationProgress,
) -> dict[str, Any]:
    """Evaluate the ``groups``; write the rollouts and eval.json; return the record."""
    groups, limits = list(groups), Limits()
    store = (cache_of(options.cache) or directory.path) / OUTCOMES
    figures = partial(measure, scales=options.scaled, ks=options.ks)
    mutants = options.mutants if options.tests else 0
    with Sandbox(
        options.workers, level=options.level, store=store, packages=options.packages
    ) as sandbox:
        progress.start_counting(len(groups), 0, "tasks graded")
        evaluation = evaluate(groups, sandbox, limits, figures, mutants, progress.advance)
        record = record_of(options, models, tasks, evaluation, collected, limits, sandbox)
    record["notes"] = list(notes)
    records = (rollout(r, collected.answers) for r in evaluation.results)
    directory.write_packed(step_file("rollouts", 0), records)
    directory.write_json(FIGURES, record)
    return record


def write_readable(record: Mapping[str, Any], directory: Path) -> None:
    """Write eval.md and card.md, for people, into the directory of an evaluation. Raises
    `RunError`."""
    with explained(directory):
        (directory / "eval.md").write_text(report.markdown(record), encoding="utf-8")
        (directory / "card.md").write_text(report.card(record), encoding="utf-8")
