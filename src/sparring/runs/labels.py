"""Labels of figures for readers: names, order, and intervals as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sparring.runs.figure_groups import (
    COMPLEMENT,
    LABELS,
    NOT_OF_RUNS,
    OF_POOL,
    FigureGroup,
    labels_of,
)
from sparring.selection.selectors import WORDS, Selector

AT_SCALE = re.compile(rf"({'|'.join(Selector)})_(\d+)x(\d+)")
"""Name of a selector's figure: one of n programs, chosen by m tests."""
REASON = re.compile(r"(coder|tester)\.failed\.")
"""Start of the name of a share of responses that could not be read for one reason."""
RULE_WORDS: Mapping[str, str] = {str(rule): words for rule, words in WORDS.items()}
"""Words for each rule of selection by the start of its figures' names, in the order of tables."""
PLAIN = ("input_size", "mu")
"""Metrics that are not shares and are shown without per cent."""


def metric_labels(names: Collection[str]) -> dict[str, str]:
    """Return the labels of the metrics of a run in ``names`` that readers know, in the order of
    their groups.

    Best-of-N is recorded under its size: ``bon_8x8`` is Best-of-8×8.
    """
    shown = [name for name in names if name not in NOT_OF_RUNS]
    labels: dict[str, str] = {}
    for group in LABELS.values():
        of_pool = {key: OF_POOL.get(key, label) for key, label in group.items()}
        labels |= labels_of(of_pool, shown)
    return labels


def in_groups(labels: Mapping[str, str]) -> dict[FigureGroup, dict[str, str]]:
    """Return labelled figures by group, in the order of the groups; a group without a figure is
    left out."""
    groups: dict[FigureGroup, dict[str, str]] = {group: {} for group in FigureGroup}
    for name, label in labels.items():
        groups[_group_of(name)][name] = label
    return {group: figures for group, figures in groups.items() if figures}


def _group_of(name: str) -> FigureGroup:
    if name.startswith("pass@"):
        return FigureGroup.PROGRAMS
    if AT_SCALE.fullmatch(name):
        return FigureGroup.CHOICE
    known = (group for group, figures in LABELS.items() if labels_of(figures, [name]))
    return next(known, FigureGroup.OTHERS)


def figure(record: Mapping[str, Any], name: str) -> float | None:
    """Return a figure of a record by its dotted name, such as ``coder.entropy``; None if
    unknown."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None


def figure_labels(names: Collection[str]) -> dict[str, str]:
    """Return the label of every figure of an evaluation: first those of the groups in their order,
    then figures by numbers of programs and tests, then shares of unread responses by reason."""
    plain = [n for n in names if not AT_SCALE.fullmatch(n) and not REASON.match(n)]
    plain = [n for n in plain if COMPLEMENT.get(n) not in names]
    labels = {n: n for n in plain if n.startswith("pass@")}
    for group in LABELS.values():
        labels |= labels_of(group, plain)
    first = {"pass@1": labels["pass@1"]} if "pass@1" in labels else {}
    at_scale = {n: match for n in names if (match := AT_SCALE.fullmatch(n))}
    return {
        **first,
        **labels,
        **{n: n.replace("_", " ") for n in plain if n not in labels},
        **{n: f"{m[2]} × {m[3]}, {RULE_WORDS[m[1]]}" for n, m in at_scale.items()},
        **{n: REASON.sub(r"\1: ", n).replace("_", " ") for n in names if REASON.match(n)},
    }


def interval(estimate: Mapping[str, Any] | None, plain: bool, sign: bool = False) -> str:
    """Return an estimate as text, such as ``52.1% [49.8, 54.4]``; ``plain``: without per cent;
    ``sign``: with a plus before a positive figure, and without the unit."""
    if estimate is None or estimate.get("mean") is None:
        return "–"
    scale, unit, digits = (1, "", 2) if plain else (100, "%", 1)
    style = "+" if sign else ""
    mean = f"{scale * estimate['mean']:{style}.{digits}f}{'' if sign else unit}"
    if estimate.get("low") is None:
        return mean
    low, high = (f"{scale * estimate[k]:{style}.{digits}f}" for k in ("low", "high"))
    return f"{mean} \\[{low}, {high}]"
