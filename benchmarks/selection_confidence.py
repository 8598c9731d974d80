"""How sure: reliability of the probability that the chosen program is right.

On tasks that were not used to fit it: the tasks are divided into five parts, and each part is
assessed by a calibration of the other four. And on models that were not used to fit it.
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
"""Choices and tasks of a bin from which its interval is assessed."""
_FOLDS = 5
_DRAWN = 200


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
    """Probability of each choice by a calibration of the other four fifths of the tasks."""
    names, task = np.unique(choices.task_C, return_inverse=True)
    part = (np.random.default_rng(seed).permutation(len(names)) % _FOLDS)[task]
    stated = np.zeros(len(part))
    for k in range(_FOLDS):
        rest = fitted_on(choices.part(part != k), {})
        stated[part == k] = rest.probability(choices.signals_CS[part == k])
    return stated


def assessed(choices: Choices, stated: Floats) -> dict[str, Any]:
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


def figures(data: Mapping[str, Sequence[Samples]], fit_on: Sequence[str]) -> dict[str, Any]:
    """All figures. Data sets are named ``model`` or ``model/state``. ``fit_on`` are those that the
    shipped calibration is fitted on; no calibration here has seen the others."""
    of = {name: choices_of({name: samples}) for name, samples in data.items()}
    choices = joined([of[name] for name in fit_on])
    stated = held_out(choices)
    ten = (choices.size_C == 10).all(axis=1)
    found: dict[str, Any] = {"held-out tasks, pooled": assessed(choices, stated)}
    for name in fit_on:
        mine = choices.data_set_C == name
        for label, some in ((name, mine), (f"{name}, 10 × 10", mine & ten)):
            if some.any():
                found[f"held-out tasks, {label}"] = assessed(choices.part(some), stated[some])
    found["held-out tasks, pooled, 10 × 10"] = assessed(choices.part(ten), stated[ten])
    for one in fit_on:
        for other in data:
            if one.split("/")[0] != other.split("/")[0]:
                found[f"fitted on {one} alone: {other}"] = _by(of[one], of[other])
    for other in set(data) - set(fit_on):
        found[f"fitted on both: {other}"] = _by(choices, of[other])
    splits = [assessed(choices, held_out(choices, seed)) for seed in range(1, 11)]
    for name in ("ece", "auc", "brier"):
        values = [s[name] for s in splits]
        found[f"{name} over ten other divisions"] = [min(values), max(values)]
    found["draws without a value"] = {name: c.silent for name, c in of.items()}
    return found


def _by(choices: Choices, others: Choices) -> dict[str, Any]:
    """Choices assessed by a calibration of other choices, beside the error that perfectly stated
    probabilities would show with so few tasks."""
    stated = fitted_on(choices, {}).probability(others.signals_CS)
    return assessed(others, stated) | {"ece if perfect": _ece_if_perfect(others, stated)}


def _ece_if_perfect(choices: Choices, stated: Floats) -> float:
    """Mean calibration error if each choice were right with its stated probability and the choices
    of a task were right together: one random number per task."""
    weight = weights(choices.data_set_C, choices.task_C)
    names, task = np.unique(choices.task_C, return_inverse=True)
    rng = np.random.default_rng(0)
    errors = [
        reliability(stated, rng.random(len(names))[task] < stated, weight, choices.task_C).ece
        for _ in range(_DRAWN)
    ]
    return float(np.mean(errors))


def _floor(f: Mapping[str, Any]) -> str:
    return f" ({f['ece if perfect']:.3f})" if "ece if perfect" in f else ""


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Two tables as Markdown: the figures of each part, and the bins of all tasks."""
    rows = [(k, v) for k, v in figures.items() if isinstance(v, dict) and "bins" in v]
    found = [
        "| judged on | choices (tasks) | ECE (if perfect) | AUC | Brier | of a constant | "
        "of tests passed | surest half right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, f in rows:
        [half] = [s["right"] for s in f["surest"] if s["part"] == 0.5]
        found.append(
            f"| {name} | {f['choices']:,} ({f['tasks']}) | {f['ece']:.3f}{_floor(f)} | "
            f"{f['auc']:.3f} | "
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
