"""The closing table: before, after, and the paired difference."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.text import visible

_NAMES = {
    "one_shot": "programs right (one-shot)",
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
CHOICES = {
    "bon": "tests passed",
    "agreement_bon": "ties by agreement",
    "majority": "majority of answers",
    "dual": "dual agreement",
    "oracle": "oracle",
}
"""How one of n programs is chosen by m tests: figures at a scale, under ``NAME_NxM``."""
_OF_SUITES = {
    "suite_far_": "FAR of {size} tests together",
    "suite_frr_": "FRR of {size} tests together",
    "coverage@": "coverage@{size}: wrong programs caught by {size} tests",
}
"""Figures of so many tests."""
AT_SCALE = re.compile(rf"({'|'.join(CHOICES)})_(\d+)x(\d+)")
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
        **{n: f"{m[2]} × {m[3]}, {CHOICES[m[1]]}" for n, m in at_scale.items()},
        **{n: REASON.sub(r"\1: ", n).replace("_", " ") for n in names if REASON.match(n)},
    }


def closing_table(
    before: Mapping[str, Any], after: Mapping[str, Any], difference: Mapping[str, Any]
) -> Table:
    """A table of metrics ({name: {mean, low, high, n_tasks}}), shares in per cent."""
    table = Table(title="Held-out tasks, before → after (95% intervals, clustered by task)")
    for name, justify in (("metric", "left"), ("before", "right"), ("after", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("difference (paired)", justify="right")
    for name, label in metric_labels(before.keys() & after.keys()).items():
        plain = name in PLAIN
        table.add_row(
            Text(visible(label)),
            interval(before[name], plain),
            interval(after[name], plain),
            interval(difference.get(name), plain, sign=True),
        )
    return table


def size_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """Share and accuracy of tests by the number of values in their input."""
    table = Table(title="Tests by input size")
    for name in ("values", "share before", "share after", "right before", "right after"):
        table.add_column(name, justify="right")
    for size in sorted({*before, *after}, key=int):
        b, a = before.get(size, {}), after.get(size, {})
        if max(b.get("share", 0), a.get("share", 0)) < 0.005:
            continue
        table.add_row(
            size,
            *(_share(x.get(key)) for key in ("share", "accuracy") for x in (b, a)),
        )
    return table


def rescore_tables(
    roles: Mapping[Any, Any], changes: Sequence[Mapping[str, Any]], shown: int = 8
) -> list[Table]:
    """What another reward or checker changes: counts per role, and the advantages that change
    most. ``roles`` maps to objects with the counts of `sparring.training.rescore.Tally`."""
    counts = Table(title="Changed by the other reward or checker")
    for name in ("role", "responses", "rewards", "advantages", "other sign", "groups dropped"):
        counts.add_column(name, justify="left" if name == "role" else "right")
    for role, t in roles.items():
        counts.add_row(
            str(role),
            f"{t.responses:,}",
            f"{t.rewards:,}",
            f"{t.advantages:,}",
            f"{t.flipped:,}",
            f"{t.dropped_before:,} → {t.dropped_after:,} of {t.groups:,}",
        )
    largest = Table(title="The advantages that change most")
    for name in ("step", "task", "response", "reward", "advantage"):
        largest.add_column(name, justify="right" if name in ("reward", "advantage") else "left")
    size = lambda c: -abs(c["advantage"][1] - c["advantage"][0])  # noqa: E731
    for c in sorted(changes, key=size)[:shown]:
        largest.add_row(
            str(c["step"]),
            Text(visible(c["task"])),
            f"{c['role']} {c['index']}",
            "{:.3g} → {:.3g}".format(*c["reward"]),
            "{:+.2f} → {:+.2f}".format(*c["advantage"]),
        )
    return [counts, largest] if changes else [counts]


def show(console: Console, *tables: Table) -> None:
    """Print tables; wide enough for their content when the output is piped."""
    wide = console if console.is_terminal else Console(file=console.file, width=118)
    for table in tables:
        wide.print(table)


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


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
