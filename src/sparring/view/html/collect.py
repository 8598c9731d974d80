"""A run directory as plain data for the page, whatever state the run is in.

A run may be going on, cut off, empty or damaged in places: what cannot be
read becomes a note on the page, and only a directory without a run is an
error. Groups are read step by step (`view.html.groups`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.rewards.settings import FORMULA
from sparring.runs.evaluation import facts, figures
from sparring.runs.reader import EVALUATIONS, METRICS, RECIPE, TIMING, RunReader, open_run
from sparring.runs.totals import phase_seconds
from sparring.view.html.tokens import Pieces
from sparring.view.source import Source, open_source

T = TypeVar("T")


@dataclass(slots=True)
class Collected:
    """What the overview shows of one run. ``metrics`` and ``evaluations`` are the recorded lines;
    ``phases`` seconds of each phase over all steps; ``notes`` what could not be read. ``rules`` is
    the recipe as this version reads it, None where it cannot: then no reward is explained."""

    name: str
    run: RunReader
    recipe: Mapping[str, Any]
    rules: Recipe | None
    state: str
    metrics: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    timing: list[dict[str, Any]]
    phases: dict[str, float]
    pieces: Pieces | None
    notes: list[str] = field(default_factory=list)
    evaluation: Mapping[str, Any] | None = None
    """eval.json, where this is an evaluation and no run; empty where there is none."""

    @property
    def reward(self) -> Mapping[str, Any] | None:
        """What the recipe's [reward] says of rewards, None where there is none. Beside a function
        of one's own the settings of the formulas have no effect, and are not among it."""
        section = self.recipe.get("reward")
        if not isinstance(section, dict):
            return None
        if section.get("function") is None:
            return section
        return {name: value for name, value in section.items() if name not in FORMULA}


def collect(path: Path) -> Collected:
    """All of a run but its groups. Raises `RunError` where there is no run."""
    source = open_source(path)
    if source.evaluation:
        return _evaluation(source)
    run = open_run(path)
    notes: list[str] = []
    recipe = _read(notes, lambda: run.read_json(RECIPE))
    recipe = recipe if isinstance(recipe, dict) else {}
    metrics = [m for m in _read(notes, lambda: run.jsonl(METRICS)) or () if _of_step(m)]
    evaluations = _read(notes, lambda: run.jsonl(EVALUATIONS)) or ()
    model = at(recipe, ("model", "path"))
    pieces = Pieces.of_run(run.newest_checkpoint(), model if isinstance(model, str) else None)
    if pieces is None:
        notes.append(
            "no tokenizer is at hand (package `tokenizers`, and a tokenizer.json in the newest "
            "checkpoint or in model.path): prompts are not shown, tokens by their numbers"
        )
    if source.recipe is None:
        notes.append(f"rewards are not explained: {source.unread}")
    return Collected(
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


def _evaluation(source: Source) -> Collected:
    """An evaluation: its figures stand as those of one step, in which nothing was learned."""
    notes: list[str] = []
    record = _read(notes, lambda: figures(source.run.path)) or {}
    if record and _read(notes, lambda: facts(record)) is None:
        record = {}
    rules, run = source.recipe, source.run
    return Collected(
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


def _read(notes: list[str], read: Callable[[], T]) -> T | None:
    """What is read of a run; None, and a note, where it cannot be."""
    try:
        return read()
    except RunError as error:
        notes.append(str(error))
        return None


def _of_step(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("step"), int)


def _state(run: RunReader, recipe: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    asked = at(recipe, ("training", "steps"))
    if run.has("summary.json"):
        return "finished"
    if not metrics:
        return "no step made yet"
    return f"not finished: {len(metrics)} of {asked} steps" if asked else "not finished"


def at(data: Any, keys: Sequence[str]) -> Any:
    """A value within nested mappings; None where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
