"""Data of the page's overview: a run's settings, state, evaluations, phases and alarms."""

from __future__ import annotations

from typing import Any

from sparring.errors import well_formed
from sparring.runs.choice_blocks import choice_blocks, plain_names, tokens_of
from sparring.runs.evaluation import facts
from sparring.runs.labels import figure_labels, in_groups, metric_labels
from sparring.runs.rates import RATES, mean_rates, rate_text
from sparring.runs.totals import alarms
from sparring.view.html.collect import RunOverview, at

_METHOD, _TESTER, _OWN = "method", "tester's reward", "both rewards, a function"
_FACTS = (
    (_METHOD, ("preset",)),
    ("model", ("model", "path")),
    ("programs per task", ("sampling", "programs")),
    ("tests per task", ("sampling", "tests")),
    ("initial-policy programs", ("sampling", "initial_policy_programs")),
    (_TESTER, ("reward", "tester")),
    ("learning rate", ("learning", "learning_rate")),
    ("steps planned", ("training", "steps")),
    ("seed", ("training", "seed")),
)

_NOTES = 200
"""Most notes on a run that a page shows."""


def overview(collected: RunOverview) -> dict[str, Any]:
    """Return a run's data for the page, without its groups, as JSON-able data.

    Raises `RunError` for metrics of another form.
    """
    with well_formed(f"{collected.run.path}: metrics.jsonl or evaluations.jsonl"):
        return _overview(collected)


def _overview(run: RunOverview) -> dict[str, Any]:
    evaluated = run.evaluation is not None
    labels: dict[str, str] = {}
    if run.evaluations:
        metrics = run.evaluations[0]["metrics"]
        labels = figure_labels(plain_names(metrics)) if evaluated else metric_labels(metrics)
    rows = [[label, at(run.recipe, keys)] for label, keys in _FACTS]
    if function := (run.reward or {}).get("function"):
        rows = [[_OWN, function] if label == _TESTER else [label, value] for label, value in rows]
    if run.rules is not None:
        rows = [[k, run.rules.method if k == _METHOD else value] for k, value in rows]
    if run.evaluation is not None:
        rows = facts(run.evaluation) if run.evaluation else []
    if run.session is not None:
        rows = []
    first, last = run.evaluations[:1], run.evaluations[-1:]
    return {
        "name": run.name,
        "state": run.state,
        "facts": rows,
        "evaluation": evaluated,
        "session": run.session,
        "steps": len(run.metrics),
        "tokens": sum(m.get("tokens") or 0 for m in run.metrics),
        "seconds": sum(t.get("seconds") or 0 for t in run.timing),
        "labels": labels,
        "groups": [[str(group), figures] for group, figures in in_groups(labels).items()],
        "choices": _choices(run) if evaluated else [],
        "before": first[0]["metrics"] if first else {},
        "after": last[0]["metrics"] if last else {},
        "after_step": last[0]["step"] if last else None,
        "differences": last[0].get("differences", {}) if last else {},
        "phases": run.phases,
        "rates": {RATES[k]: rate_text(k, v) for k, v in mean_rates(run.timing).items()},
        "alarms": alarms(run.metrics),
        "reward": run.reward or {},
        "notes": run.notes[:_NOTES],
    }


def _choices(run: RunOverview) -> list[dict[str, Any]]:
    """Return the title and the labels of each scale at which a program was chosen."""
    if not run.evaluations:
        return []
    blocks = choice_blocks(run.evaluations[0]["metrics"])
    return [
        {"title": block.title(tokens_of(run.evaluation or {}, block)), "labels": block.labels}
        for block in blocks
    ]
