"""Learning curves of the arms in bins of steps, and what the arms cost, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from sparring.errors import well_formed

BIN = 5
"""Steps of a bin."""
_COLUMNS = {
    "programs_right": "programs right",
    "tests_right": "tests right",
    "tests_readable": "tests readable",
    "tests_right_of_readable": "right, of the readable",
    "tests_copied": "copied",
    "tests_trivial": "trivial inputs",
    "coder_gradient": "programs with gradient",
    "tester_gradient": "tests with gradient",
}
_HELD_OUT = {
    "pass@1": "programs right",
    "unit_test_accuracy": "tests right",
    "tests_readable": "tests readable",
    "tests_right_of_readable": "tests right, of the readable",
    "caught_by_right_test": "wrong pool programs caught by a right test",
    "bon_": "Best-of-N, own samples",
    "pool_bon_": "Best-of-N, fixed pool",
}
"""Figures of the evaluations in a run. A name that ends in _ is the start of one with its size."""
Values = Sequence[float | None]


def curve_table(arm: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Return the curve of an arm: means over the steps of a bin and over seeds.

    A step has its own tasks, so a row differs from the next one by its tasks too. With gradient:
    the share of the responses in groups that were learned from. A column that no step knows, such
    as copies of examples where statements have none, is left out.
    """
    with well_formed(f"the curves of {arm}"):
        curves = [record["curves"] for record in records]
        last = max(curve["step"][-1] for curve in curves)
    rows = {}
    for first in range(1, last + 1, BIN):
        steps = range(first, min(first + BIN, last + 1))
        rows[f"{steps[0]}–{steps[-1]}"] = [_bin(curve, steps) for curve in curves]
    known = [n for n in _COLUMNS if any(one[n] is not None for row in rows.values() for one in row)]
    lines = [f"| {arm}, %: steps | " + " | ".join(_COLUMNS[name] for name in known) + " |"]
    lines.append("|---" * (len(known) + 1) + "|")
    for label, row in rows.items():
        cells = [_percent([one[name] for one in row]) for name in known]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def held_out_table(arm: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Return the evaluations in the runs of an arm, on the same held-out tasks: each figure, and
    its paired difference from the first evaluation with the 95% interval."""
    lines = [f"| {arm}, in the run, %: seed, step | " + " | ".join(_HELD_OUT.values()) + " |"]
    lines.append("|---" * (len(_HELD_OUT) + 1) + "|")
    for record in records:
        with well_formed(f"the evaluations in the run of {arm}"):
            for one in record["evaluations_in_the_run"]:
                cells = [_cell(one, name) for name in _HELD_OUT]
                lines.append(f"| {record['seed']}, {one['step']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cost_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the costs of every run, and a line on how equal the numbers of tokens are."""
    lines = [
        "| arm, seed | steps | sampled tokens | minutes of steps | seconds of a step (median) | "
        "minutes of evaluations | processor | commit |",
        "|---" * 8 + "|",
    ]
    for r in records:
        with well_formed("the record of an arm"):
            seconds = [s for s in r["curves"]["seconds"] if s is not None]
            cells = [
                f"{r['arm']}, {r['seed']}",
                str(r["steps"]),
                f"{r['tokens']:,}",
                f"{r['train_seconds'] / 60:.0f}",
                f"{median(seconds):.0f}" if seconds else "–",
                f"{sum(r['evaluation_seconds'].values()) / 60:.0f}",
                f"{r['cores']} cores of {r['cpu']}",
                str(r["commit"]),
            ]
        lines.append("| " + " | ".join(cells) + " |")
    tokens = [r["tokens"] for r in records]
    apart = max(tokens) / min(tokens) - 1
    lines += ["", f"Sampled tokens differ by at most {apart:.1%} between runs."]
    return "\n".join(lines)


def _bin(curve: Mapping[str, Values], steps: Sequence[int]) -> dict[str, float | None]:
    """Return the figures of a curve over some steps; None where they are unknown."""
    places = [i for i, step in enumerate(curve["step"]) if step in steps]

    def mean(name: str) -> float | None:
        known = [v for i in places if (v := curve[name][i]) is not None]
        return fmean(known) if known else None

    figures = {name: mean(name) for name in _COLUMNS if name in curve}
    unreadable, right = mean("tests_unreadable"), figures["tests_right"]
    readable = None if unreadable is None else 1 - unreadable
    of_readable = right / readable if readable and right is not None else None
    return {**figures, "tests_readable": readable, "tests_right_of_readable": of_readable}


def _cell(evaluation: Mapping[str, Any], start: str) -> str:
    """Return a figure, whose name begins with ``start``, and its difference."""
    name = next((n for n in evaluation["figures"] if n.startswith(start)), start)
    mean, *_ = evaluation["figures"].get(name, [None])
    if mean is None:
        return "–"
    shown = f"{100 * mean:.1f}"
    difference = evaluation["differences"].get(name)
    if evaluation["step"] == 0 or difference is None or None in difference:
        return shown
    by, low, high = (f"{100 * x:+.1f}" for x in difference)
    return f"{shown}; {by} [{low}, {high}]"


def _percent(values: Values) -> str:
    known = [v for v in values if v is not None]
    return f"{100 * fmean(known):.1f}" if known else "–"
