"""A run directory as plain data for the page, whatever state the run is in.

A run may be going on, cut off, empty or damaged in places: what cannot be
read becomes a note on the page, and only a directory without a run is an
error. Steps are read one at a time, so that memory does not grow with the
run; of each only short rows are kept, and the details that the caller asks
for are handed on at once (`groups`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError, SparringError
from sparring.evalfiles import (
    evaluation_recipe,
    facts,
    figures,
    is_evaluation,
    run_or_evaluation,
)
from sparring.rewards.settings import FORMULA
from sparring.runs.directory import RunDir, step_file, well_formed
from sparring.runs.rates import RATES, mean_rates, rate_text
from sparring.runs.tables import figure_labels, metric_labels
from sparring.runs.timeline import account_from
from sparring.view.explain import Explained, explain
from sparring.view.html.group import Cutter, detail, summary_row
from sparring.view.html.tokens import Pieces

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


_NOTES = 200
"""Notes that a page holds of a run."""


@dataclass(slots=True)
class Collected:
    """What the overview shows of one run. ``metrics`` and ``evaluations`` are the recorded lines;
    ``phases`` seconds of each phase over all steps; ``notes`` what could not be read. ``rules`` is
    the recipe as this version reads it, None where it cannot: then no reward is explained."""

    name: str
    run: RunDir
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
        return _evaluation(path, run)
    notes: list[str] = []
    recipe = _json(run, "recipe.json", notes)
    metrics = _lines(run, "metrics.jsonl", notes)
    metrics = [m for m in metrics if isinstance(m.get("step"), int)]
    evaluations = [
        e
        for e in _lines(run, "evaluations.jsonl", notes)
        if isinstance(e.get("step"), int) and isinstance(e.get("metrics"), dict)
    ]
    checkpoint = run.newest_checkpoint()
    model = at(recipe, ("model", "path"))
    if (pieces := Pieces.of_run(checkpoint, model if isinstance(model, str) else None)) is None:
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
        evaluations=evaluations,
        timing=_lines(run, "timing.jsonl", notes),
        phases=_phases(run, notes),
        pieces=pieces,
        notes=notes,
    )


def _evaluation(path: Path, run: RunDir) -> Collected:
    """An evaluation: its figures stand as those of one step, in which nothing was learned."""
    notes: list[str] = []
    record: Mapping[str, Any] = {}
    try:
        record = figures(run)
        facts(record)
    except RunError as error:
        record = {}
        notes.append(str(error))
    rules = evaluation_recipe(run)
    return Collected(
        name=path.resolve().name or str(path),
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


def _state(run: RunDir, recipe: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    asked = at(recipe, ("training", "steps"))
    if run.has("summary.json"):
        return "finished"
    if not metrics:
        return "no step made yet"
    return f"not finished: {len(metrics)} of {asked} steps" if asked else "not finished"


def _rules(run: RunDir, notes: list[str]) -> Recipe | None:
    try:
        return recorded_recipe(run)
    except SparringError as error:
        notes.append(f"rewards are not explained: {str(error).splitlines()[0]}")
        return None


def _json(run: RunDir, name: str, notes: list[str]) -> dict[str, Any]:
    try:
        found = run.read_json(name)
    except RunError as error:
        notes.append(str(error))
        return {}
    return found if isinstance(found, dict) else {}


def _lines(run: RunDir, name: str, notes: list[str]) -> list[dict[str, Any]]:
    try:
        return run.lines(name)
    except RunError as error:
        notes.append(str(error))
        return []


def _phases(run: RunDir, notes: list[str]) -> dict[str, float]:
    """Seconds of each phase over the steps: from the timeline or, in runs without one, from the
    short figures."""
    total: dict[str, float] = {}
    try:
        with well_formed(f"{run.path}: timeline.jsonl"):
            accounts = [account_from(r) for r in run.lines("timeline.jsonl") if "step" in r]
            parts: list[Mapping[str, float]] = [a.phases() for a in accounts]
            if not parts:
                parts = [r.get("phases", {}) for r in run.lines("timing.jsonl") if "step" in r]
            for part in parts:
                for phase, seconds in part.items():
                    total[str(phase)] = total.get(str(phase), 0.0) + float(seconds)
    except RunError as error:
        notes.append(str(error))
    return total


def steps(collected: Collected) -> list[int]:
    """Steps that have rollouts on disk."""
    return collected.run.steps("rollouts", ".jsonl.gz")


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
    lines = _packed_lines(run.path / step_file("rollouts", step), notes)
    usage: list[bytes] = []
    if run.has(name := step_file("usage", step)):
        usage = _packed_lines(run.path / name, notes, " (CPU times of this step are not shown)")
    for index, line in enumerate(lines):
        try:
            with well_formed(f"{run.path}: rollouts of step {step}, group {index}"):
                row = summary_row(json.loads(line))
        except RunError as error:
            notes.append(str(error))
            continue
        yield Group(row, index, collected, line, usage[index] if index < len(usage) else None)


def _packed_lines(path: Path, notes: list[str], hint: str = "") -> list[bytes]:
    """The lines of a gzipped file; none, and a note, where it cannot be read."""
    try:
        data = path.read_bytes()
        if not data:
            raise EOFError("empty file")
        return gzip.decompress(data).splitlines()
    except (OSError, EOFError, zlib.error) as error:
        notes.append(f"{path}: is damaged ({error}){hint}")
        return []


def alarms(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each alarm of a run once: from which step to which, in how many, and the newest reason."""
    found: dict[str, dict[str, Any]] = {}
    for line in metrics:
        for alarm in line.get("alarms", ()):
            known = found.setdefault(
                str(alarm["monitor"]), {"monitor": alarm["monitor"], "first": line["step"], "n": 0}
            )
            known |= {"last": line["step"], "n": known["n"] + 1, "reason": alarm["reason"]}
            known["standing"] = line is metrics[-1]
    return list(found.values())


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
