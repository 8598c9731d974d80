"""Every rule of selection on a model's samples: pass@1 and pass@2 by size, with intervals.

A value is the mean over tasks of the chance that the choice among n programs by m tests is right,
over draws of both; ties are exact. Intervals are of tasks drawn again (bootstrap), differences are
paired by task and draw.

The default rule is not chosen on the tasks that it is reported on: for each half of the tasks the
candidate is taken that is best on the other half. A candidate is a rule, or B4 with other priors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection_data import Samples
from sparring.matrix import Bools, Floats
from sparring.selection import b4, default, rules, soft_agreement
from sparring.selection.evidence import Evidence, chances, ties_by
from sparring.selection.labelled import LabelledEvidence
from sparring.selection.selectors import Selector

DEFAULT, ONE, ORACLE = "default", "one program", "oracle"
BY_HALVES = "default by halves"
CODET, PASSED = str(Selector.DUAL_ROOT), str(Selector.BON)
_PRIORS = [(a, b) for a in (3.0, 10.0, 30.0) for b in (1.0, 3.0, 10.0)]
_PARTS = 20
_BOOTSTRAP = 4000


@dataclass(frozen=True)
class Size:
    """n programs × m tests. ``single``: tests are single assertions, not a model's samples."""

    n: int
    m: int
    single: bool

    def __str__(self) -> str:
        return f"{self.n} × {self.m}" + ("" if self.single else " samples")

    def draws(self) -> int:
        return 60 if self.n <= 20 else 24

    def tasks(self, data: Sequence[Samples]) -> list[LabelledEvidence]:
        """The tasks that have so many programs. Of single assertions a task needs five."""
        found = [s.labelled for s in data if s.labelled.coder >= self.n]
        if not self.single:
            return [e for e in found if e.tester >= self.m]
        return [e.single_tests() for e in found if len(e.input_U) >= 5]


Values = Mapping[str, tuple[Floats, Floats]]
"""pass@1 and pass@2 of each task by the name of a rule."""


def scored(evidence: Evidence) -> dict[str, Floats]:
    """The scores of every candidate for the default."""
    found = {str(s): v for s, v in rules.all_scores(evidence).items()}
    soft = soft_agreement.scores(evidence)
    cells = evidence.programs * evidence.used_U.sum(axis=-1, keepdims=True)
    for a, b in _PRIORS:
        name = f"b4 a={a:g} b={b:g} cells"
        found[name] = ties_by(b4.scores(evidence, a=a, b=np.maximum(b * cells, 1)), soft)
    return found | {DEFAULT: default.scores(evidence)}


def two(score: Floats, correct: Bools) -> Floats:
    """Chance [D] that one of two is right: one of the highest level, one of the next. Where all
    programs are of one level, two different ones of it."""
    found = np.zeros(len(score))
    for d, (s, c) in enumerate(zip(score, correct, strict=True)):
        levels = np.unique(s)[::-1]
        first = c[s == levels[0]]
        wrong = 1 - first.mean()
        if len(levels) > 1:
            wrong *= 1 - c[s == levels[1]].mean()
        elif len(first) > 1:
            wrong *= ((~first).sum() - 1) / (len(first) - 1) if wrong else 0.0
        found[d] = 1 - wrong
    return found


def measured(tasks: Sequence[LabelledEvidence], size: Size, seed: int = 0) -> Values:
    """pass@1 and pass@2 of every rule and task, of one program at random, and of the oracle."""
    rows: list[dict[str, tuple[float, float]]] = []
    for t, task in enumerate(tasks):
        rng = np.random.default_rng([seed, t, size.n, size.m])
        sums: dict[str, NDArray[np.float64]] = {}

        def add(name: str, one: Floats, both: Floats, sums: Any = sums) -> None:
            sums[name] = sums.get(name, np.zeros(2)) + np.array([one.sum(), both.sum()])

        for evidence, drawn in task.draws(size.n, size.m, size.draws(), rng):
            correct = task.correct_P[drawn]
            for name, score in scored(evidence).items():
                add(name, (chances(score) * correct).sum(axis=1), two(score, correct))
            equal = np.zeros(correct.shape)
            add(ONE, correct.mean(axis=1), two(equal, correct))
            add(ORACLE, correct.any(axis=1), correct.any(axis=1))
        rows.append({k: tuple(v / size.draws()) for k, v in sums.items()})
    names = list(max(rows, key=len))
    return {
        k: tuple(np.array([row.get(k, (0.0, 0.0))[i] for row in rows]) for i in (0, 1))
        for k in names
    }


def interval(values: Floats) -> tuple[float, float, float]:
    """Mean of one value per task and its 95% interval by bootstrap over tasks, in percent."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(len(values), size=(_BOOTSTRAP, len(values)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return 100 * float(values.mean()), 100 * float(low), 100 * float(high)


def tables(
    data: Mapping[str, Sequence[Samples]], sizes: Mapping[str, Sequence[Size]]
) -> dict[str, dict[str, Any]]:
    """All figures, by data set, size and rule: pass@1, pass@2, and pass@1 minus CodeT's and minus
    tests passed, each as (mean, low, high) in percent."""
    found: dict[str, dict[str, Any]] = {name: {} for name in data}
    for size in sorted(
        {s for some in sizes.values() for s in some}, key=lambda s: (not s.single, s.n)
    ):
        values = {
            name: dict(measured(tasks, size))
            for name, samples in data.items()
            if size in sizes[name] and len(tasks := size.tasks(samples)) > 1
        }
        halves = by_halves(values)
        for name, of in values.items():
            of[BY_HALVES] = halves[name], np.full(len(halves[name]), np.nan)
            found[name][str(size)] = _figures(of)
    return found


def by_halves(values: Mapping[str, Values]) -> dict[str, Floats]:
    """pass@1 of each task by the candidate that is best on the other half of the tasks of all data
    sets, each set counting equally; the mean over random halvings."""
    names = [n for n in next(iter(values.values())) if n not in (ONE, ORACLE, DEFAULT)]
    tables = {d: np.stack([of[n][0] for n in names]) for d, of in values.items()}
    rng = np.random.default_rng(1)
    total = {d: np.zeros(t.shape[1]) for d, t in tables.items()}
    for _ in range(_PARTS):
        first = {d: rng.permutation(t.shape[1]) < t.shape[1] // 2 for d, t in tables.items()}
        for inside in (True, False):
            half = {d: f == inside for d, f in first.items()}
            means = [t[:, ~half[d]].mean(axis=1) for d, t in tables.items()]
            best = int(np.mean(means, axis=0).argmax())
            for d, t in tables.items():
                total[d][half[d]] += t[best, half[d]]
    return {d: np.asarray(t / _PARTS) for d, t in total.items()}


def _figures(values: Values) -> dict[str, Any]:
    codet, passed = values[CODET][0], values[PASSED][0]
    return {
        "tasks": len(codet),
        "rules": {
            name: {
                "pass@1": interval(one),
                "pass@2": None if np.isnan(both).any() else interval(both),
                "minus CodeT": interval(one - codet),
                "minus tests passed": interval(one - passed),
            }
            for name, (one, both) in values.items()
        },
    }


def lines(name: str, figures: Mapping[str, Any]) -> list[str]:
    """The table as Markdown: a row for each rule, a column for each size."""
    sizes = list(figures)
    rules_ = list(next(iter(figures.values()))["rules"])
    found = []
    for what in ("pass@1", "pass@2", "minus CodeT", "minus tests passed"):
        head = " | ".join(f"{s} ({figures[s]['tasks']} tasks)" for s in sizes)
        found += [f"\n{name}: {what}\n", f"| rule | {head} |", "|---" * (len(sizes) + 1) + "|"]
        for rule in rules_:
            cells = [figures[s]["rules"][rule][what] for s in sizes]
            if None in cells:
                continue
            sign = "+" if what.startswith("minus") else ""
            texts = [f"{m:{sign}.1f} [{lo:.1f}, {hi:.1f}]" for m, lo, hi in cells]
            found.append(f"| {rule} | {' | '.join(texts)} |")
    return found
