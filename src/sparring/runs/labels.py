"""Figures as people read them: what they are called, in which order, and with which interval."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sparring.selection.selectors import WORDS, Selector

_NAMES = {
    "one_shot": "programs right (pass@1)",
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
"""Figures that only an evaluation has, or that are of other programs there."""
_OF_SUITES = {
    "suite_far_": "FAR of {size} tests together",
    "suite_frr_": "FRR of {size} tests together",
    "coverage@": "coverage@{size}: wrong programs caught by {size} tests",
}
"""Figures of so many tests."""
AT_SCALE = re.compile(rf"({'|'.join(Selector)})_(\d+)x(\d+)")
"""The figure of a selector: one of n programs chosen by m tests."""
REASON = re.compile(r"(coder|tester)\.failed\.")
"""Begins the share of responses that could not be read for one reason."""
PLAIN = ("input_size", "mu")
"""Metrics that are no shares: they stand without per cent."""


def metric_labels(found: Collection[str]) -> dict[str, str]:
    """The metrics of ``found`` that people read, in order, with their labels.

    Best-of-N is recorded under its size: ``bon_8x8`` is Best-of-8×8.
    """
    labels: dict[str, str] = {}
    for name, label in _NAMES.items():
        if "{size}" in label:
            sizes = [k.removeprefix(f"{name}_") for k in found if k.startswith(f"{name}_")]
            labels |= {f"{name}_{s}": label.format(size=s.replace("x", "×")) for s in sizes}
        elif name in found:
            labels[name] = label
    return labels


def figure(record: Mapping[str, Any], name: str) -> float | None:
    """A figure of a recorded line by its dotted name, as in ``coder.entropy``; None where it is
    unknown."""
    found: Any = record
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, (int, float)) else None


def figure_labels(names: Collection[str]) -> dict[str, str]:
    """Every figure of an evaluation with its label: those that people know first, then those at a
    scale, then the reasons of unread responses."""
    rest = [n for n in names if not AT_SCALE.fullmatch(n) and not REASON.match(n)]
    found = {
        **{n: n for n in rest if n.startswith("pass@")},
        **metric_labels(rest),
        **{n: label for n, label in _OTHERS.items() if n in rest},
        **{
            n: label.format(size=n.removeprefix(begin))
            for begin, label in _OF_SUITES.items()
            for n in rest
            if n.startswith(begin)
        },
        **{
            n: f"{n.removeprefix('dual_')} of the ranking by dual agreement"
            for n in rest
            if n.startswith("dual_pass@")
        },
    }
    first = {"one_shot": found["one_shot"]} if "one_shot" in found else {}
    at_scale = {n: match for n in names if (match := AT_SCALE.fullmatch(n))}
    return {
        **first,
        **found,
        **{n: n.replace("_", " ") for n in rest if n not in found},
        **{n: f"{m[2]} × {m[3]}, {WORDS[Selector(m[1])]}" for n, m in at_scale.items()},
        **{n: REASON.sub(r"\1: ", n).replace("_", " ") for n in names if REASON.match(n)},
    }


def interval(estimate: Mapping[str, Any] | None, plain: bool, sign: bool = False) -> str:
    """``52.1% [49.8, 54.4]``, or without per cent if ``plain``."""
    if estimate is None or estimate.get("mean") is None:
        return "–"
    scale, unit, digits = (1, "", 2) if plain else (100, "%", 1)
    style = "+" if sign else ""
    mean = f"{scale * estimate['mean']:{style}.{digits}f}{'' if sign else unit}"
    if estimate.get("low") is None:
        return mean
    low, high = (f"{scale * estimate[k]:{style}.{digits}f}" for k in ("low", "high"))
    return f"{mean} \\[{low}, {high}]"
