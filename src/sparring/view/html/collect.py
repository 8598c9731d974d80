"""Data of a run directory for the page, whatever state the run is in.

A run may be in progress, cut off, empty or damaged in places. A part that cannot be read becomes a
note on the page; only a directory without a run is an error. Groups are read step by step
(`view.html.groups`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sparring.config.recipe import Recipe
from sparring.errors import RunError, well_formed
from sparring.evaluation.recomputed import figures
from sparring.rewards.settings import FORMULA
from sparring.runs.evaluation import facts
from sparring.runs.reader import EVALUATIONS, METRICS, RECIPE, TIMING, RunReader, open_run
from sparring.runs.session import RESULT, session_result
from sparring.runs.totals import phase_seconds
from sparring.solving.account import account
from sparring.view.html.tokens import TokenPieces
from sparring.view.source import RunSource, open_source

T = TypeVar("T")


@dataclass(slots=True)
class RunOverview:
    """Data of one run for the overview.

    ``metrics``, ``evaluations`` and ``timing`` are the recorded lines. ``phases`` holds the seconds
    of each phase over all steps. ``notes`` name the parts that could not be read. ``rules`` is the
    recipe, or None where this version cannot read the recipe and so explains no reward.
    """

    name: str
    run: RunReader
    recipe: Mapping[str, Any]
    rules: Recipe | None
    state: str
    metrics: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    timing: list[dict[str, Any]]
    phases: dict[str, float]
    pieces: TokenPieces | None
    notes: list[str] = field(default_factory=list)
    evaluation: Mapping[str, Any] | None = None
    """Contents of eval.json for an evaluation (empty where the file is missing); None for a run."""
    session: Mapping[str, Any] | None = None
    """Decision of a session of `sparring solve` (empty where it has not ended), else None."""

    @property
    def reward(self) -> Mapping[str, Any] | None:
        """Settings of the recipe's [reward], or None without that section.

        If the recipe names a user's reward function, the settings of the formulas have no effect
        and are left out.
        """
        section = self.recipe.get("reward")
        if not isinstance(section, dict):
            return None
        if section.get("function") is None:
            return section
        return {name: value for name, value in section.items() if name not in FORMULA}


def collect(path: Path) -> RunOverview:
    """Read a run without its groups. Raises `RunError` where there is no run."""
    source = open_source(path)
    if source.session:
        return _session(source)
    if source.evaluation:
        return _evaluation(source)
    run = open_run(path)
    notes: list[str] = []
    recipe = _read(notes, lambda: run.read_json(RECIPE))
    recipe = recipe if isinstance(recipe, dict) else {}
    metrics = [m for m in _read(notes, lambda: run.jsonl(METRICS)) or () if _of_step(m)]
    evaluations = _read(notes, lambda: run.jsonl(EVALUATIONS)) or ()
    model = at(recipe, ("model", "path"))
    pieces = TokenPieces.of_run(run.newest_checkpoint(), model if isinstance(model, str) else None)
    if pieces is None:
        notes.append(
            "no tokenizer is available (package `tokenizers`, and a tokenizer.json in the newest "
            "checkpoint or in model.path): prompts are not shown, tokens are shown by number"
        )
    if source.recipe is None:
        notes.append(f"rewards are not explained: {source.unread}")
    return RunOverview(
        name=path.resolve().name or str(path),
        run=run,
        recipe=recipe,
        rules=source.recipe,
        state=_state(run, recipe, metrics),
        metrics=metrics,
        evaluations=[e for e in evaluations if _of_step(e) and isinstance(e.get("metrics"), dict)],
        timing=_read(notes, lambda: run.jsonl(TIMING)) or [],
        phases=_read(notes, lambda: phase_seconds(run)) or {},
        pieces=pieces,
        notes=notes,
    )


def _evaluation(source: RunSource) -> RunOverview:
    """Read an evaluation; its figures become those of one step in which nothing was learned."""
    notes: list[str] = []
    record = _read(notes, lambda: figures(source.run.path)) or {}
    if record and _read(notes, lambda: facts(record)) is None:
        record = {}
    rules, run = source.recipe, source.run
    return RunOverview(
        name=run.path.resolve().name or str(run.path),
        run=run,
        recipe=rules.model_dump(mode="json") if rules else {},
        rules=rules,
        state="an evaluation: nothing was learned",
        metrics=[],
        evaluations=[{"step": 0, "metrics": record["figures"]}] if record else [],
        timing=[],
        phases={},
        pieces=None,
        notes=notes,
        evaluation=record,
    )


def _session(source: RunSource) -> RunOverview:
    """Read a session of `sparring solve`: the decision with its account."""
    run, notes = source.run, list[str]()
    result = _read(notes, lambda: session_result(run.path))
    shown = _read(notes, lambda: _shown_session(run, result)) if result else None
    return RunOverview(
        name=run.path.resolve().name or str(run.path),
        run=run,
        recipe={},
        rules=None,
        state="sparring solve" if shown else "sparring solve: the session has not ended",
        metrics=[],
        evaluations=[],
        timing=[],
        phases={},
        pieces=None,
        notes=notes,
        session=shown or {},
    )


def _shown_session(run: RunReader, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of solve.json that the page shows. Raises `RunError` for another form."""
    with well_formed(f"{run.path}: {RESULT}"):
        decision = result["decision"]
        return {
            "account": account(result),
            "steps": [str(step["text"]) for step in result["steps"]],
            "chosen": decision["chosen"],
            "program": decision["program"],
            "abstained": bool(decision["abstained"]),
        }


def _read(notes: list[str], read: Callable[[], T]) -> T | None:
    """Return the result of ``read``, or None with a note where reading fails."""
    try:
        return read()
    except RunError as error:
        notes.append(str(error))
        return None


def _of_step(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("step"), int)


def _state(run: RunReader, recipe: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    planned = at(recipe, ("training", "steps"))
    if run.has("summary.json"):
        return "finished"
    if not metrics:
        return "no step completed yet"
    return f"not finished: {len(metrics)} of {planned} steps" if planned else "not finished"


def at(data: Any, keys: Sequence[str]) -> Any:
    """Return a value within nested mappings, or None where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
