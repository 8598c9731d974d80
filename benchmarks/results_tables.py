"""Tables of `benchmarks/results.py`'s results, in Markdown, for docs/results.md.

Differences between arms are paired: the same held-out tasks, and the same seed of task order and
sampling. Their 95% intervals are of both, seeds and tasks (`seeds_and_tasks`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from results import (
    BUNDLE,
    CHOOSE_SEEDS,
    CHOSEN_BY,
    KEPT,
    LABELS,
    OPTIONS,
    PLAIN,
    PRIMARY,
    RATES,
    RECIPES,
    RESULTS,
    WITHOUT,
    chosen_rate,
)
from seeds_and_tasks import interval

Record = dict[str, Any]


def records(phase: str) -> dict[tuple[str, float], dict[int, Record]]:
    """The results of a phase: (arm, learning rate) → seed → record."""
    found: dict[tuple[str, float], dict[int, Record]] = {}
    for file in sorted((RESULTS / phase).glob("*/*.json")):
        r = json.loads(file.read_text())
        key = (file.parent.name, float(r["learning_rate"]))
        found.setdefault(key, {})[int(r["seed"])] = r
    return found


def at_chosen_rate(phase: str, chosen_by: str | None = None) -> dict[str, dict[int, Record]]:
    """The results of a phase, arm → seed → record, at the learning rate that was chosen for the
    arm, or for the arm ``chosen_by``. What was run before more seeds chose another is left out."""
    return {
        arm: runs
        for (arm, rate), runs in records(phase).items()
        if rate == chosen_rate(chosen_by or arm)
    }


def values(runs: Sequence[Record], metric: str) -> np.ndarray:
    """[seeds, tasks], NaN where unknown."""
    return np.array([[np.nan if v is None else v for v in r["per_task"][metric]] for r in runs])


def paired(
    one: Sequence[Record], other: Sequence[Record], metric: str
) -> tuple[float, float, float]:
    """Mean of ``one`` − ``other`` over seeds and tasks with its 95% interval, in points."""
    difference = values(one, metric) - values(other, metric)
    mean, spread = interval(difference)
    return 100 * mean, 100 * (mean - spread), 100 * (mean + spread)


def tables() -> str:
    """All tables for which there are results."""
    parts = [_rates(), _confirmed(), _ablations(), _bundle(), _label_free()]
    return "\n\n".join(p for p in parts if p)


def _figure(runs: Sequence[Record], metric: str, when: str = "after") -> str:
    known = [r[when][metric] for r in runs if r[when].get(metric) is not None]
    if not known:
        return "–"
    mean = float(np.mean(known))
    return f"{mean:.2f}" if metric in PLAIN else f"{100 * mean:.1f}"


def _rates() -> str:
    found = records("choose")
    if not found:
        return ""
    lines = ["| arm | " + " | ".join(f"lr {r:g}" for r in RATES) + " | seeds |", "|---" * 5 + "|"]
    for arm in RECIPES:
        cells = [found.get((arm, r), {}) for r in RATES]
        if not any(cells):
            continue
        metric = CHOSEN_BY.get(arm, PRIMARY)
        shown = [_figure(list(c.values()), metric) for c in cells]
        seeds = "/".join(str(len(c)) for c in cells)
        name = arm if metric == PRIMARY else f"{arm} ({LABELS[metric]})"
        lines.append(f"| {name} | " + " | ".join(shown) + f" | {seeds} |")
    return "### Learning rates, on validation (half the budget)\n\n" + "\n".join(lines)


def _confirmed() -> str:
    found = at_chosen_rate("confirm") | at_chosen_rate("others")
    if "default" not in found:
        return ""
    arms = [a for a in RECIPES if a in found]
    head = "| held-out, % | initial | " + " | ".join(f"{a} ({len(found[a])})" for a in arms) + " |"
    lines = [head, "|---" * (len(arms) + 2) + "|"]
    for metric, label in LABELS.items():
        initial = _figure(list(found["default"].values()), metric, "before")
        shown = [_figure(list(found[a].values()), metric) for a in arms]
        lines.append(f"| {label} | {initial} | " + " | ".join(shown) + " |")
    for role in ("coder", "tester"):
        shown = [_share(list(found[a].values()), role) for a in arms]
        lines.append(f"| {role} responses with gradient | | " + " | ".join(shown) + " |")
    steps = [f"{np.mean([r['steps'] for r in found[a].values()]):.0f}" for a in arms]
    lines.append("| steps | | " + " | ".join(steps) + " |")
    text = "### Confirmed on held-out tasks (whole budget)\n\n" + "\n".join(lines)
    rows = ["| default minus | " + " | ".join(LABELS[m] for m in KEPT) + " |", "|---" * 7 + "|"]
    for arm in arms:
        common = sorted(set(found["default"]) & set(found[arm]))
        if arm == "default" or not common:
            continue
        ours, theirs = ([found[a][s] for s in common] for a in ("default", arm))
        cells = ["{:+.1f} [{:+.1f}, {:+.1f}]".format(*paired(ours, theirs, m)) for m in KEPT]
        rows.append(f"| {arm} ({len(common)} seeds) | " + " | ".join(cells) + " |")
    return text + "\n\n" + "\n".join(rows)


def _share(runs: Sequence[Record], role: str) -> str:
    known = [r["gradient_share"][role] for r in runs if r["gradient_share"][role] is not None]
    return f"{100 * float(np.mean(known)):.0f}" if known else "–"


def _ablations() -> str:
    found = at_chosen_rate("ablate", "default")
    if not found:
        return ""
    whole = records("choose").get(("default", chosen_rate("default")), {})
    lines = [
        "| default, and then | " + " | ".join(LABELS[m] for m in KEPT[:4]) + " | seeds |",
        "|---" * 6 + "|",
    ]
    for arm, changes in (WITHOUT | OPTIONS).items():
        common = sorted(set(whole) & set(found.get(arm, {})) & set(CHOOSE_SEEDS))
        if not common:
            continue
        one, other = [found[arm][s] for s in common], [whole[s] for s in common]
        cells = ["{:+.1f} [{:+.1f}, {:+.1f}]".format(*paired(one, other, m)) for m in KEPT[:4]]
        lines.append(f"| {', '.join(changes)} | " + " | ".join(cells) + f" | {len(common)} |")
    return "### One thing changed (validation, half the budget)\n\n" + "\n".join(lines)


def _bundle() -> str:
    found = at_chosen_rate("bundle", "default")
    common = sorted(set(found.get("default", {})) & set(found.get("bare", {})))
    if not common:
        return ""
    one, other = ([found[a][s] for s in common] for a in ("bare", "default"))
    lines = ["| | default | bare | difference |", "|---" * 4 + "|"]
    for metric, label in LABELS.items():
        shown = ""
        if metric in KEPT:
            shown = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*paired(one, other, metric))
        lines.append(f"| {label} | {_figure(other, metric)} | {_figure(one, metric)} | {shown} |")
    changes = ", ".join(BUNDLE["bare"])
    return (
        f"### Four at once (validation, whole budget, {_seeds(common)})\n\n"
        f"*Bare* is the default with {changes}.\n\n" + "\n".join(lines)
    )


def _seeds(found: Sequence[int]) -> str:
    return f"seed{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"


def _label_free() -> str:
    found = at_chosen_rate("free", "default").get("label_free", {})
    labelled = at_chosen_rate("confirm").get("default", {})
    common = sorted(set(found) & set(labelled))
    if not common:
        return ""
    lines = ["| | initial | labelled | label-free | share of the gain |", "|---" * 5 + "|"]
    for metric in ("pass@1", "unit_test_accuracy", "bon_8x8", "pool_bon_8x8"):
        with_labels, without = [labelled[s] for s in common], [found[s] for s in common]
        initial, labelled_mean, free_mean = (
            float(np.mean([r[when][metric] for r in runs]))
            for runs, when in ((without, "before"), (with_labels, "after"), (without, "after"))
        )
        gain = labelled_mean - initial
        share = (free_mean - initial) / gain if gain else float("nan")
        lines.append(
            f"| {LABELS[metric]} | {100 * initial:.1f} | {100 * labelled_mean:.1f} "
            f"| {100 * free_mean:.1f} "
            f"| {share:.0%} |"
        )
    return f"### Label-free ({_seeds(common)})\n\n" + "\n".join(lines)
