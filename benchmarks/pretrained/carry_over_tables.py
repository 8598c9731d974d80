"""Tables of what carries over from the arms, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.pretrained.figures import TITLES, shown_change, shown_level
from benchmarks.pretrained.measuring import START, DataSet
from benchmarks.pretrained.records import Measured, read

from sparring.errors import RunError, well_formed
from sparring.metrics.share_intervals import Unit, share_difference, share_interval

_COLUMNS = {
    "bon_4x4": "Best-of-4×4",
    "unit_test_accuracy": "tests right",
    "catch_rate": "of all pairs of wrong program and test: right and caught",
    "caught_by_right_test": "wrong programs caught by a right test",
    "p00": "p00",
}
"""Figures of the testers on another coder's programs."""


def carry_over_tables(results: Path) -> str:
    """Return the tables of all records. Raises `RunError` if there is none."""
    files = sorted(results.glob("carry-over-*.json"))
    if not files:
        raise RunError(
            f"{results}: has no record of this; make one with python -m "
            "benchmarks.pretrained.carry_over run"
        )
    parts = []
    for file in files:
        record = read(file)
        with well_formed(str(file)):
            parts += [_coders(record), _solved(record)]
    return "\n\n".join(p for p in parts if p)


def _coders(record: Mapping[str, Any]) -> str:
    """Return the table of other coders: the initial tester against the trained one."""
    if not record["coders"]:
        return ""
    head = f"| {_name(record)}: tests of initial → trained, % | programs right | oracle of 4 |"
    lines = [head + "".join(f" {label} |" for label in _COLUMNS.values())]
    lines.append("|---" * (len(_COLUMNS) + 3) + "|")
    for coder, by_set in record["coders"].items():
        for data_set in map(DataSet, by_set):
            before, after = (Measured(by_set[data_set][key]) for key in (START, "trained"))
            cells = [shown_level(after.estimate(n), n) for n in ("pass@1", "oracle_4x4")]
            for name in _COLUMNS:
                known = before.has(name) and after.has(name)
                cells.append(_pair(before, after, name) if known else "–")
            lines.append(f"| {coder}, {TITLES[data_set]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _solved(record: Mapping[str, Any]) -> str:
    """Return the table of the pipeline: the initial pair against the trained one."""
    lines = [
        f"| {_name(record)}: `best_of_n` at 4 + 4 | solved by the initial pair, % "
        "| by the trained pair | change | tokens per task |",
        "|---" * 5 + "|",
    ]
    for data_set in map(DataSet, record["solved"]):
        start, trained = (record["solved"][data_set][key] for key in (START, "trained"))
        if start["tasks"] != trained["tasks"]:
            raise RunError("the pairs have solved other tasks; run carry_over again")
        before, after = (np.array(one["solved"], dtype=float) for one in (start, trained))
        levels = [shown_level(share_interval(v, Unit.CHOICE), "solved") for v in (before, after)]
        moved = shown_change(share_difference(before, after), "solved")
        tokens = " → ".join("–" if t is None else f"{t:.0f}" for t in _tokens(start, trained))
        cells = [*levels, moved, tokens]
        lines.append(f"| {TITLES[data_set]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _tokens(*pairs: Mapping[str, Any]) -> list[float | None]:
    return [pair["tokens"] for pair in pairs]


def _pair(before: Measured, after: Measured, name: str) -> str:
    levels = [100 * one.estimate(name).mean for one in (before, after)]
    return (
        f"{levels[0]:.1f} → {levels[1]:.1f} "
        f"({shown_change(after.change_from(before, name), name, len(after.record['tasks']))})"
    )


def _name(record: Mapping[str, Any]) -> str:
    return f"{record['arm']}, seed {record['seed']}"
