"""Labels of figures for readers: names, order, and intervals as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sparring.selection.selectors import WORDS, Selector

_NAMES = {
    "pass@1": "programs right (pass@1)",
    "unit_test_accuracy": "tests right (by reference)",
    "unit_test_accuracy_estimate": "tests right (paper's estimate)",
    "bon": "Best-of-{size}, own samples",
    "pool_bon": "Best-of-{size}, fixed pool",
    "agreement_bon": "Best-of-{size}, own, ties by agreement",
    "agreement_pool_bon": "Best-of-{size}, pool, ties by agreement",
    "catch_rate": "wrong pool programs caught",
    "invalid_tests": "invalid tests",
    "input_size": "values per test input",
    "distinct_inputs": "distinct inputs",
    "p01": "p01: wrong program passes right test",
    "p00": "p00: wrong program passes wrong test",
    "mu": "μ",
}
_OTHERS = {
    "mutation_score": "mutants of the reference caught by right tests",
    "branch_coverage": "branches of the reference taken by right tests",
    "catch_rate": "wrong programs caught",
    "far": "FAR: a test accepts a wrong program",
    "frr": "FRR: a test rejects a correct program",
    "coder.failed": "responses without a readable program",
    "tester.failed": "responses without a readable test",
    "coder.at_limit": "programs' responses cut off",
    "tester.at_limit": "tests' responses cut off",
}
"""Labels of figures that only an evaluation has, or that an evaluation computes from other programs
than a run does."""
_OF_SUITES = {
    "suite_far_": "FAR of {size} tests together",
    "suite_frr_": "FRR of {size} tests together",
    "coverage@": "coverage@{size}: wrong programs caught by {size} tests",
}
"""Labels of figures for a number of tests; a key is the start of the figure's name."""
AT_SCALE = re.compile(rf"({'|'.join(Selector)})_(\d+)x(\d+)")
"""Name of a selector's figure: one of n programs, chosen by m tests."""
REASON = re.compile(r"(coder|tester)\.failed\.")
"""Start of the name of a share of responses that could not be read for one reason."""
RULE_WORDS: Mapping[str, str] = {str(rule): words for rule, words in WORDS.items()}
"""Words for each rule of selection by the start of its figures' names, in the order of tables."""
PLAIN = ("input_size", "mu")
"""Metrics that are not shares and are shown without per cent."""


def metric_labels(names: Collection[str]) -> dict[str, str]:
    """Return the labels of the metrics in ``names`` that readers know, in their order.

    Best-of-N is recorded under its size: ``bon_8x8`` is Best-of-8×8.
    """
    labels: dict[str, str] = {}
    for name, label in _NAMES.items():
        if "{size}" in label:
            sizes = [k.removeprefix(f"{name}_") for k in names if k.startswith(f"{name}_")]
            labels |= {f"{name}_{s}": label.format(size=s.replace("x", "×")) for s in sizes}
        elif name in names:
            labels[name] = label
    return labels


def figure(record: Mapping[str, Any], name: str) -> float | None:
    """Return a figure of a record by its dotted name, such as ``coder.entropy``; None if
    unknown."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None


def figure_labels(names: Collection[str]) -> dict[str, str]:
    """Return the label of every figure of an evaluation: first the usual figures, then figures by
    numbers of programs and tests, then shares of unread responses by reason."""
    plain = [n for n in names if not AT_SCALE.fullmatch(n) and not REASON.match(n)]
    labels = {
        **{n: n for n in plain if n.startswith("pass@")},
        **metric_labels(plain),
        **{n: label for n, label in _OTHERS.items() if n in plain},
        **{
            n: label.format(size=n.removeprefix(prefix))
            for prefix, label in _OF_SUITES.items()
            for n in plain
            if n.startswith(prefix)
        },
        **{
            n: f"{n.removeprefix('dual_')} of the ranking by dual agreement"
            for n in plain
            if n.startswith("dual_pass@")
        },
    }
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
