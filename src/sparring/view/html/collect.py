"""A run directory as plain data for the page, whatever state the run is in.

A run may be going on, cut off, empty or damaged in places: what cannot be
read becomes a note on the page, and only a directory without a run is an
error. Steps are read one at a time, so that memory does not grow with the
run; of each only short rows are kept, and the details that the caller asks
for are handed on at once (`groups`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError, SparringError, well_formed
from sparring.rewards.settings import FORMULA
from sparring.runs.evaluation import (
    facts,
    figures,
    is_evaluation,
    run_or_evaluation,
)
from sparring.runs.groups import summary_row
from sparring.runs.labels import figure_labels, metric_labels
from sparring.runs.rates import RATES, mean_rates, rate_text
from sparring.runs.reader import EVALUATIONS, METRICS, RECIPE, TIMING, RunReader, step_file
from sparring.runs.totals import alarms, phase_seconds
from sparring.view.explain import Explained, explain
from sparring.view.html.group import Cutter, detail
from sparring.view.html.tokens import Pieces
from sparring.view.source import evaluation_recipe

_METHOD, _TESTER, _OWN = "method", "tester's reward", "both rewards, a function"
_FACTS = (
    (_METHOD, ("preset",)),
    ("model", ("model", "path")),
    ("programs per task", ("sampling", "programs")),
    ("tests per task", ("sampling", "tests")),
    ("opponents' programs", ("sampling", "opponents")),
    (_TESTER, ("reward", "tester")),
    ("learning rate", ("learning", "learning_rate")),
    ("steps asked for", ("training", "steps")),
    ("seed", ("training", "seed")),
)

T = TypeVar("T")
_NOTES = 200
"""Notes that a page holds of a run."""


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
    run = run_or_evaluation(path)
    if is_evaluation(path):
        return _evaluation(run)
    notes: list[str] = []
    recipe = _read(notes, lambda: run.read_json(RECIPE), {})
    recipe = recipe if isinstance(recipe, dict) else {}
    metrics = [m for m in _read(notes, lambda: run.lines(METRICS), []) if _of_step(m)]
    evaluations = _read(notes, lambda: run.lines(EVALUATIONS), [])
    model = at(recipe, ("model", "path"))
    pieces = Pieces.of_run(run.newest_checkpoint(), model if isinstance(model, str) else None)
    if pieces is None:
        notes.append(
            "no tokenizer is at hand (package `tokenizers`, and a tokenizer.json in the newest "
            "checkpoint or in model.path): prompts are not shown, tokens by their numbers"
        )
    return Collected(
        name=path.resolve().name or str(path),
        run=run,
        recipe=recipe,
        rules=_rules(run, notes),
        state=_state(run, recipe, metrics),
        metrics=metrics,
        evaluations=[e for e in evaluations if _of_step(e) and isinstance(e.get("metrics"), dict)],
        timing=_read(notes, lambda: run.lines(TIMING), []),
        phases=_read(notes, lambda: phase_seconds(run), {}),
        pieces=pieces,
        notes=notes,
    )


def _evaluation(run: RunReader) -> Collected:
    """An evaluation: its figures stand as those of one step, in which nothing was learned."""
    notes: list[str] = []
    record = _read(notes, lambda: figures(run.path), {})
    if record and not _read(notes, lambda: facts(record), []):
        record = {}
    rules = evaluation_recipe(run)
    return Collected(
        name=run.path.resolve().name or str(run.path),
        run=run,
        recipe=rules.model_dump(mode="json"),
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


def _read(notes: list[str], read: Callable[[], T], otherwise: T) -> T:
    """What is read of a run; what cannot be is noted, and ``otherwise`` stands in its place."""
    try:
        return read()
    except RunError as error:
        notes.append(str(error))
        return otherwise


def _of_step(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("step"), int)


def _state(run: RunReader, recipe: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    asked = at(recipe, ("training", "steps"))
    if run.has("summary.json"):
        return "finished"
    if not metrics:
        return "no step made yet"
    return f"not finished: {len(metrics)} of {asked} steps" if asked else "not finished"


def _rules(run: RunReader, notes: list[str]) -> Recipe | None:
    try:
        return recorded_recipe(run)
    except SparringError as error:
        notes.append(f"rewards are not explained: {str(error).splitlines()[0]}")
        return None


def steps(collected: Collected) -> list[int]:
    """Steps that have rollouts on disk."""
    return collected.run.rollout_steps()


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its row, and its detail when it is asked for. Until then it is kept as the lines
    it was read from: as objects a group takes many times the memory."""

    row: list[Any]
    index: int
    """Its place in the step."""
    collected: Collected
    line: bytes
    usage: bytes | None

    def detail(self, cut: Cutter) -> dict[str, Any]:
        """The whole group. Raises `RunError` for a record of another form."""
        made, record = self.collected, json.loads(self.line)
        with well_formed(f"{made.run.path}: group {record['task']['id']!r}"):
            usage = json.loads(self.usage) if self.usage else None
            return detail(record, usage, self._explained(record), made.pieces, cut)

    def _explained(self, record: Mapping[str, Any]) -> Explained | None:
        """None for a record that this version cannot take apart as far as that."""
        if self.collected.rules is None:
            return None
        try:
            return explain(record, self.collected.rules, self.index)
        except RunError:
            return None


def groups(collected: Collected, step: int) -> Iterator[Group]:
    """The groups of a step, in order; what cannot be read is noted and left out."""
    run, notes = collected.run, collected.notes
    lines = _packed_lines(run, step_file("rollouts", step), notes)
    usage: list[bytes] = []
    if run.has(name := step_file("usage", step)):
        usage = _packed_lines(run, name, notes, " (CPU times of this step are not shown)")
    for index, line in enumerate(lines):
        try:
            with well_formed(f"{run.path}: rollouts of step {step}, group {index}"):
                row = summary_row(json.loads(line))
        except RunError as error:
            notes.append(str(error))
            continue
        yield Group(row, index, collected, line, usage[index] if index < len(usage) else None)


def _packed_lines(run: RunReader, name: str, notes: list[str], hint: str = "") -> list[bytes]:
    """The lines of a gzipped file, as far as they can be read; what is wrong with it is noted."""
    lines: list[bytes] = []
    try:
        lines.extend(run.packed(name))
    except RunError as error:
        notes.append(f"{error}{hint}")
    return lines


def overview(collected: Collected) -> dict[str, Any]:
    """What the page is told of a run, groups apart. JSON-able. Raises `RunError` for metrics of
    another form."""
    with well_formed(f"{collected.run.path}: metrics.jsonl or evaluations.jsonl"):
        return _overview(collected)


def _overview(made: Collected) -> dict[str, Any]:
    evaluated = made.evaluation is not None
    labels: dict[str, str] = {}
    if made.evaluations:
        found = made.evaluations[0]["metrics"]
        labels = figure_labels(found) if evaluated else metric_labels(found)
    told = [[label, at(made.recipe, keys)] for label, keys in _FACTS]
    if function := (made.reward or {}).get("function"):
        told = [[_OWN, function] if label == _TESTER else [label, value] for label, value in told]
    if made.rules is not None:
        told = [[k, made.rules.method if k == _METHOD else value] for k, value in told]
    if made.evaluation is not None:
        told = facts(made.evaluation) if made.evaluation else []
    first, last = made.evaluations[:1], made.evaluations[-1:]
    return {
        "name": made.name,
        "state": made.state,
        "facts": told,
        "evaluation": evaluated,
        "steps": len(made.metrics),
        "tokens": sum(m.get("tokens") or 0 for m in made.metrics),
        "seconds": sum(t.get("seconds") or 0 for t in made.timing),
        "labels": labels,
        "before": first[0]["metrics"] if first else {},
        "after": last[0]["metrics"] if last else {},
        "after_step": last[0]["step"] if last else None,
        "differences": last[0].get("differences", {}) if last else {},
        "phases": made.phases,
        "rates": {RATES[k]: rate_text(k, v) for k, v in mean_rates(made.timing).items()},
        "alarms": alarms(made.metrics),
        "reward": made.reward or {},
        "notes": made.notes[:_NOTES],
    }


def at(data: Any, keys: Sequence[str]) -> Any:
    """A value within nested mappings; None where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
