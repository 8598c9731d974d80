"""What the page says of a run before its groups: what it is, how far it got, what changed."""

from __future__ import annotations

from typing import Any

from sparring.errors import well_formed
from sparring.runs.evaluation import facts
from sparring.runs.labels import figure_labels, metric_labels
from sparring.runs.rates import RATES, mean_rates, rate_text
from sparring.runs.totals import alarms
from sparring.view.html.collect import Collected, at

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
