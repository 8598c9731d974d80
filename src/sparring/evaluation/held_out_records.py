"""Records of a run's evaluations, paired with the first evaluation, as JSON-able data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.metrics.intervals import Estimate, Influence
from sparring.metrics.metric_intervals import difference_of
from sparring.metrics.metrics import Summary
from sparring.metrics.share_intervals import share_difference


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures of an evaluation at a step: enough to pair the evaluation with later ones."""

    step: int
    summary: Summary
    tokens: int


def evaluation_record(evaluated: Evaluated, first: Evaluated) -> dict[str, Any]:
    """Return one evaluation as JSON-able data, with paired differences from ``first``."""
    summary = evaluated.summary
    values = summary.per_task
    bon = next(k for k in values if k.startswith("bon_"))
    return {
        "step": evaluated.step,
        "metrics": {k: v.as_dict() for k, v in summary.estimates.items()},
        "differences": paired_differences(first.summary, summary),
        "bon_minus_pass@1": share_difference(values["pass@1"], values[bon]).as_dict(),
        "sizes": {
            str(k): {"share": share, "accuracy": right}
            for k, (share, right) in summary.sizes.items()
        },
        "tokens": evaluated.tokens,
    }


def paired_differences(before: Summary, after: Summary) -> dict[str, Any]:
    """Return after − before, paired by task, of figures that both have over equally many tasks."""
    differences: dict[str, Any] = {}
    for name, values in after.per_task.items():
        earlier = before.per_task.get(name)
        if earlier is not None and len(earlier) == len(values):
            differences[name] = share_difference(earlier, values).as_dict()
    for name, ratio in after.ratios.items():
        old_ratio = before.ratios.get(name)
        if old_ratio is not None and len(old_ratio.influence) == len(ratio.influence):
            differences[name] = difference_of(name, old_ratio, ratio).as_dict()
    return differences


def values_record(evaluated: Evaluated) -> dict[str, Any]:
    """Return an evaluation's figures by task, as JSON-able data that `evaluated_from` reads."""
    s = evaluated.summary
    return {
        "step": evaluated.step,
        "tokens": evaluated.tokens,
        "estimates": {k: v.as_dict() for k, v in s.estimates.items()},
        "per_task": {k: v.tolist() for k, v in s.per_task.items()},
        "ratios": {k: v.as_dict() for k, v in s.ratios.items()},
        "sizes": [[k, *v] for k, v in s.sizes.items()],
    }


def evaluated_from(record: Mapping[str, Any]) -> Evaluated:
    """Return the evaluation that `values_record` wrote. Null stands for an unknown number."""
    summary = Summary(
        estimates={k: Estimate.of(v) for k, v in record["estimates"].items()},
        per_task={k: np.array(v, dtype=float) for k, v in record["per_task"].items()},
        ratios={k: Influence.of(v) for k, v in record["ratios"].items()},
        sizes={int(k): (_number(share), _number(right)) for k, share, right in record["sizes"]},
    )
    return Evaluated(record["step"], summary, record["tokens"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def summary_record(
    first: Evaluated, last: Evaluated, seconds: Mapping[str, float], tokens: int
) -> dict[str, Any]:
    """Return the result of a whole run: before, after, differences, seconds and tokens."""
    before, after = evaluation_record(first, first), evaluation_record(last, first)
    return {
        "before": before["metrics"],
        "after": after["metrics"],
        "differences": after["differences"],
        "bon_minus_pass@1": {
            "before": before["bon_minus_pass@1"],
            "after": after["bon_minus_pass@1"],
        },
        "sizes": {"before": before["sizes"], "after": after["sizes"]},
        "wall_seconds": seconds["wall"],
        "train_seconds": seconds["train"],
        "steps": last.step,
        "tokens": tokens,
    }
