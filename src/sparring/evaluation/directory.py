"""The directory of an evaluation: begun or gone on with, measured in, written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sparring.errors import RunError, explained
from sparring.evaluation.collect import Collected
from sparring.evaluation.conditions import changed, conditions
from sparring.evaluation.evaluator import evaluate
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import Progress
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
class Found:
    """What came of it. ``record`` is eval.json; ``complaint`` says what is wanting, if anything."""

    record: Mapping[str, Any]
    complaint: str | None


def recorded_models(out: Path) -> dict[str, dict[str, Any]]:
    """The identities of the models, by role, of an evaluation that was begun in ``out``."""
    try:
        found = json.loads((out / CONFIG).read_text(encoding="utf-8"))["models"]
        return {role: dict(m["identity"]) for role, m in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # nothing there, or nothing that could be gone on with: `begin` says which


def begin(
    directory: RunDir, options: EvalOptions, models: Models, tasks: Sequence[Task], begun: bool
) -> None:
    """Write down what the evaluation is, or compare it with what was ``begun`` here: one without
    a response so far binds nobody."""
    now = json.loads(json.dumps(clean(conditions(options, tasks))))
    now["models"] = {role: dict(model) for role, model in models.items()}
    if directory.has(CONFIG) and begun:
        before = directory.read_json(CONFIG)
        was = {**before.get("fixed", {}), **_identities(before)}
        is_now = {**now["fixed"], **_identities(now)}
        for role in Role:  # one that had no part before, or has none now, may be anybody
            if role not in was or role not in is_now:
                was.pop(role, None)
                is_now.pop(role, None)
        if differ := changed(was, is_now):
            raise RunError(
                f"{directory.path}: was begun with another {'; another '.join(differ)}; choose "
                "another --out (and --cache DIR, to share responses)"
            )
    elif not directory.has(CONFIG) and (
        others := sorted(f.name for f in directory.path.iterdir() if f.name != "lock")
    ):
        raise RunError(
            f"{directory.path} is not empty (it has {others[0]}) and holds no evaluation; "
            "choose another --out"
        )
    directory.write_json(CONFIG, now)


def _identities(record: Mapping[str, Any]) -> dict[str, Any]:
    """The models' identities by role."""
    return {role: m.get("identity") for role, m in record.get("models", {}).items()}


def cache_of(path: Path | None) -> Path | None:
    """The directory of a cache, made if need be."""
    if path is not None:
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
    return path


def measured(
    directory: RunDir,
    options: EvalOptions,
    models: Models,
    tasks: Sequence[Task],
    groups: Iterable[ReadGroup],
    collected: Collected,
    notes: Sequence[str],
    progress: Progress,
) -> dict[str, Any]:
    """Evaluate the ``groups`` and write all that there is to be written: the record, which is
    returned."""
    groups, limits = list(groups), Limits()
    store = (cache_of(options.cache) or directory.path) / OUTCOMES
    figures = partial(measure, scales=options.scaled, ks=options.ks)
    mutants = options.mutants if options.tests else 0
    with Sandbox(
        options.workers, level=options.level, store=store, packages=options.packages
    ) as sandbox:
        progress.begin(len(groups), 0, "tasks judged")
        found = evaluate(groups, sandbox, limits, figures, mutants, progress.advance)
        record = record_of(options, models, tasks, found, collected, limits, sandbox)
    record["notes"] = list(notes)
    records = (rollout(r, collected.answers) for r in found.results)
    directory.write_packed(step_file("rollouts", 0), records)
    directory.write_json(FIGURES, record)
    return record
