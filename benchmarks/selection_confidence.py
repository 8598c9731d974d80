"""How sure: reliability of the probability that the chosen program is right.

On tasks that were not used to fit it: the tasks of all data sets are halved, a calibration is
fitted on each half and judged on the other. And on models that were not used to fit it: fitted on
all data sets but those of one model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selection_data import Samples
from sparring.matrix import Bools, Floats
from sparring.metrics.reliability import Reliability, auc, reliability
from sparring.selection.calibration import Calibration, fit, weights
from sparring.selection.choices import Choices, drawn_choices, joined

_WORTH = 150, 60
"""Choices and tasks of a bin from which its interval is judged."""


def choices_of(data: Mapping[str, Sequence[Samples]]) -> Choices:
    """Choices among samples and, of CodeT's form, among single assertions too."""
    parts = []
    for name, samples in data.items():
        tasks = [s.labelled for s in samples]
        parts.append(drawn_choices(name, tasks))
        if any(len(set(t.response_U)) < len(t.response_U) for t in tasks):
            single = [t.single_tests() for t in tasks if len(t.input_U)]
            parts.append(drawn_choices(name, single))
    return joined(parts)


def fitted_on(choices: Choices, facts: Mapping[str, Any]) -> Calibration:
    return fit(
        choices.signals_CS,
        choices.right_C,
        weights(choices.data_set_C, choices.task_C),
        facts,
    )


def half_of(tasks: Sequence[str], seed: int) -> Bools:
    """Marks about half of the distinct tasks, at every place where they occur."""
    names = np.unique(tasks)
    chosen = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    return np.isin(tasks, chosen)


def held_out(choices: Choices, seed: int = 0) -> Floats:
    """Probability of each choice by a calibration of the other half of the tasks."""
    half = half_of(choices.task_C, seed)
    stated = np.zeros(len(half))
    for other in (half, ~half):
        stated[~other] = fitted_on(choices.part(other), {}).probability(choices.signals_CS[~other])
    return stated


def judged(choices: Choices, stated: Floats) -> dict[str, Any]:
    """Reliability, beside that of the share of tests passed and of a constant."""
    weight = weights(choices.data_set_C, choices.task_C)
    r = reliability(stated, choices.right_C, weight, choices.task_C)
    share = choices.passed_C
    return {
        **_figures(r),
        "brier of tests passed": float(np.average((share - choices.right_C) ** 2, weights=weight)),
        "auc of tests passed": auc(share, choices.right_C, weight),
    }


def _figures(r: Reliability) -> dict[str, Any]:
    return {
        "choices": r.choices,
        "tasks": r.tasks,
        "ece": r.ece,
        "auc": r.auc,
        "brier": r.brier,
        "brier of a constant": r.brier_constant,
        "bins": [
            {
                "from": b.low,
                "to": b.high,
                "choices": b.choices,
                "tasks": b.tasks,
                "stated": b.stated,
                "true": b.true,
                "stated - true": [b.difference.low, b.difference.high],
                "judged": b.choices >= _WORTH[0] and b.tasks >= _WORTH[1],
            }
            for b in r.bins
        ],
        "surest": [{"part": p, "from": s, "right": t} for p, s, t in r.surest],
    }


def figures(data: Mapping[str, Sequence[Samples]]) -> dict[str, Any]:
    """All figures. Data sets are named ``model`` or ``model/state``; a model is left out whole."""
    choices = choices_of(data)
    stated = held_out(choices)
    models = np.array([name.split("/")[0] for name in choices.data_set_C])
    ten = (choices.size_C == 10).all(axis=1)
    found: dict[str, Any] = {"held-out tasks, pooled": judged(choices, stated)}
    for name in data:
        mine = choices.data_set_C == name
        found[f"held-out tasks, {name}"] = judged(choices.part(mine), stated[mine])
        if (mine & ten).any():
            found[f"held-out tasks, {name}, 10 × 10"] = judged(
                choices.part(mine & ten), stated[mine & ten]
            )
    found["held-out tasks, pooled, 10 × 10"] = judged(choices.part(ten), stated[ten])
    for model in np.unique(models):
        mine = models == model
        if mine.all():
            continue
        by = fitted_on(choices.part(~mine), {}).probability(choices.signals_CS[mine])
        found[f"model left out: {model}"] = judged(choices.part(mine), by)
    for one in np.unique(models):
        for other in np.unique(models):
            mine, theirs = models == one, models == other
            if one != other and len(np.unique(choices.task_C[mine])) >= _WORTH[1]:
                by = fitted_on(choices.part(mine), {}).probability(choices.signals_CS[theirs])
                found[f"fitted on {one} alone: {other}"] = judged(choices.part(theirs), by)
    found["silent draws"] = choices.silent
    return found


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Two tables as Markdown: the figures of each part, and the bins of all tasks."""
    rows = [(k, v) for k, v in figures.items() if isinstance(v, dict)]
    found = [
        "| judged on | choices (tasks) | ECE | AUC | Brier | of a constant | of tests passed | "
        "surest half right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, f in rows:
        [half] = [s["right"] for s in f["surest"] if s["part"] == 0.5]
        found.append(
            f"| {name} | {f['choices']:,} ({f['tasks']}) | {f['ece']:.3f} | {f['auc']:.3f} | "
            f"{f['brier']:.3f} | {f['brier of a constant']:.3f} | "
            f"{f['brier of tests passed']:.3f} | {100 * half:.0f}% |"
        )
    pooled = rows[0][1]
    found += ["", "| stated | choices (tasks) | mean stated | right | stated − right |"]
    found.append("|---|---|---|---|---|")
    for b in pooled["bins"]:
        low, high = b["stated - true"]
        found.append(
            f"| {b['from']:.1f}–{b['to']:.1f} | {b['choices']:,} ({b['tasks']}) | "
            f"{b['stated']:.2f} | {b['true']:.2f} | [{100 * low:+.0f}, {100 * high:+.0f}] |"
        )
    parts = " | ".join(f"{100 * s['part']:.0f}%" for s in pooled["surest"])
    right = " | ".join(f"{100 * s['right']:.0f}%" for s in pooled["surest"])
    found += ["", f"| surest | {parts} |", "|---" * 11 + "|", f"| right | {right} |"]
    return found
