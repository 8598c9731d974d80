"""Spending by need on recorded samples: `selection.need` replayed, against fixed sizes.

Of every task the responses are shuffled, and the policy draws from the front, so that the policy
and every fixed size see the same responses. Probabilities are by a calibration of the other half of
the tasks. A fixed size of equal cost lies between two sizes k + k: its figure is interpolated at
the policy's mean tokens. Differences are paired by task; intervals are by bootstrap over tasks.

The threshold and the rounds without a change are shipped constants. So that they are not judged on
the tasks they were chosen with, the figures are given once more with the pair that is best on the
other half of the tasks: of those that cost at most 75% there the one that loses least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selection_confidence import choices_of, fitted_on, half_of
from selection_data import Samples
from selection_table import interval
from sparring.matrix import Bools, Floats
from sparring.selection import default, need
from sparring.selection.calibration import Calibration
from sparring.selection.confidence import probability
from sparring.selection.labelled import Indices

THRESHOLDS, ROUNDS = (0.7, 0.75, 0.8, 0.85, 0.9), (2, 3, 4)
_MOST = 0.75


@dataclass(frozen=True)
class State:
    """A point of the policy's path: what was spent, and how the choice stands."""

    tokens: float
    programs: int
    tests: int
    sure: float | None
    unchanged: int
    right: bool


def path(
    sample: Samples, calibration: Calibration, caps: need.Caps, coder: Indices, tester: Indices
) -> list[State]:
    """All states up to the caps, as if no choice ever counted as settled."""
    labelled, found, n, m, unchanged = sample.labelled, [], 0, 0, 0
    before: int | None = None
    while True:
        evidence, rows = labelled.of(coder[:n], tester[:m])
        chosen, sure, right = default.chosen(evidence), None, False
        if chosen is not None:
            sure = probability(evidence, chosen, calibration)
            right = bool(labelled.correct_P[rows[chosen]])
            if before is not None:
                [was] = np.flatnonzero(rows == before)
                unchanged = unchanged + 1 if need.alike(evidence, int(was), chosen) else 0
            before = int(rows[chosen])
        if n or m:
            spent = sample.coder_tokens[coder[:n]].sum() + sample.tester_tokens[tester[:m]].sum()
            found.append(State(float(spent), n, m, sure, unchanged, right))
        step = need.next_round(need.Seen(evidence, n, m), caps)
        if step.stop is not None:
            return found
        n, m = n + step.programs, m + step.tests


def stopped(states: Sequence[State], threshold: float, rounds: int) -> State:
    """The first state at which the choice is settled, or the last."""
    settled = (
        s for s in states if s.sure is not None and s.sure >= threshold and s.unchanged >= rounds
    )
    return next(settled, states[-1])


@dataclass(frozen=True)
class Replay:
    """Paths [T][D], and right choices and tokens of the fixed sizes [T, D, K]."""

    tasks: Sequence[str]
    paths: Sequence[Sequence[Sequence[State]]]
    fixed_right: Floats
    fixed_tokens: Floats

    def spent(self, threshold: float, rounds: int) -> tuple[Floats, Floats]:
        """Share of right choices, and tokens, of each task [T]."""
        ends = [[stopped(s, threshold, rounds) for s in some] for some in self.paths]
        return (
            np.array([np.mean([e.right for e in some]) for some in ends]),
            np.array([np.mean([e.tokens for e in some]) for some in ends]),
        )

    def at_cost(self, tokens: float) -> Floats:
        """Share of right choices of each task [T] by a fixed size that costs so much."""
        cost = self.fixed_tokens.mean(axis=(0, 1))
        right = self.fixed_right.mean(axis=1)
        k = int(np.clip(np.searchsorted(cost, tokens), 1, len(cost) - 1))
        part = (tokens - cost[k - 1]) / (cost[k] - cost[k - 1])
        return np.asarray(right[:, k - 1] * (1 - part) + right[:, k] * part)


def replay(
    data: Sequence[Samples], by_half: Sequence[Calibration], half: Bools, cap: int, draws: int
) -> Replay:
    """``by_half``: the calibrations for tasks of ``half``, and for the others."""
    sizes = list(range(2, cap + 1, 2))
    paths = []
    right = np.zeros((len(data), draws, len(sizes)))
    tokens = np.zeros_like(right)
    for t, sample in enumerate(data):
        mine = []
        for d in range(draws):
            rng = np.random.default_rng([9, t, d])
            coder = rng.permutation(sample.labelled.coder)[:cap]
            tester = rng.permutation(sample.labelled.tester)[:cap]
            caps = need.Caps(cap, cap)
            mine.append(path(sample, by_half[0 if half[t] else 1], caps, coder, tester))
            for i, k in enumerate(sizes):
                evidence, rows = sample.labelled.of(coder[:k], tester[:k])
                chosen = default.chosen(evidence)
                right[t, d, i] = chosen is not None and sample.labelled.correct_P[rows[chosen]]
                tokens[t, d, i] = (
                    sample.coder_tokens[coder[:k]].sum() + sample.tester_tokens[tester[:k]].sum()
                )
        paths.append(mine)
    return Replay([s.task for s in data], paths, right, tokens)


def figures(
    data: Mapping[str, Sequence[Samples]],
    fit_on: Sequence[str],
    cap: int,
    draws: Mapping[str, int],
) -> dict[str, Any]:
    """Figures of each data set whose tasks have ``cap`` responses of each role."""
    choices = choices_of({name: data[name] for name in fit_on})
    chosen_half = set(np.unique(choices.task_C[half_of(choices.task_C, 0)]).tolist())
    inside = np.isin(choices.task_C, list(chosen_half))
    by_half = [fitted_on(choices.part(~inside), {}), fitted_on(choices.part(inside), {})]
    replays = {}
    for name, samples in data.items():
        some = [s for s in samples if min(s.labelled.coder, s.labelled.tester) >= cap]
        if some:
            half = np.array([s.task in chosen_half for s in some])
            replays[name] = replay(some, by_half, half, cap, draws.get(name, 4))
    return {
        name: {
            "shipped": _compared(r, *r.spent(need.THRESHOLD, need.UNCHANGED)),
            "chosen on the other half": _compared(r, *_by_halves(replays, name)),
            "never settled": _compared(r, *r.spent(2.0, 0)),
            "grid": {
                f"{a} / {b}": _compared(r, *r.spent(a, b)) for a in THRESHOLDS for b in ROUNDS
            },
        }
        for name, r in replays.items()
    }


def _by_halves(replays: Mapping[str, Replay], name: str) -> tuple[Floats, Floats]:
    """Right and tokens of each task of a data set, with the threshold and rounds that are best on
    the other half of the tasks of all data sets."""
    mine = replays[name]
    halves = {n: half_of(r.tasks, 1) for n, r in replays.items()}
    right, tokens = (np.zeros(len(mine.tasks)) for _ in range(2))
    for inside in (True, False):
        scored = []
        for pair in [(a, b) for a in THRESHOLDS for b in ROUNDS]:
            lost, cost = [], []
            for n, r in replays.items():
                other = halves[n] != inside
                got, spent = r.spent(*pair)
                lost.append((r.fixed_right[other, :, -1].mean(axis=1) - got[other]).mean())
                cost.append(spent[other].mean() / r.fixed_tokens[other, :, -1].mean())
            dear = max(cost) > _MOST
            scored.append((dear, max(cost) if dear else float(np.mean(lost)), pair))
        pair = min(scored)[-1]
        got, spent = mine.spent(*pair)
        here = halves[name] == inside
        right[here], tokens[here] = got[here], spent[here]
    return right, tokens


def _compared(r: Replay, right: Floats, tokens: Floats) -> dict[str, Any]:
    most = r.fixed_right[:, :, -1].mean(axis=1)
    return {
        "tasks": len(right),
        "right": interval(right),
        "tokens": float(tokens.mean()),
        "share of tokens": float(tokens.mean() / r.fixed_tokens[:, :, -1].mean()),
        "right at the cap": interval(most),
        "minus the cap": interval(right - most),
        "minus equal cost": interval(right - r.at_cost(float(tokens.mean()))),
    }


def lines(figures: Mapping[str, Any], cap: int) -> list[str]:
    """A Markdown table: a row for each data set and setting."""
    found = [
        f"| samples, policy | right | tokens, of {cap} + {cap} | minus {cap} + {cap} | "
        "minus a fixed size of equal cost |",
        "|---|---|---|---|---|",
    ]
    for name, of in figures.items():
        for kind, f in of.items():
            if kind == "grid":
                continue
            cells = [
                f"{m:+.1f} [{lo:.1f}, {hi:.1f}]"
                for m, lo, hi in (f["minus the cap"], f["minus equal cost"])
            ]
            found.append(
                f"| {name}, {kind} | {f['right'][0]:.1f} | {100 * f['share of tokens']:.0f}% | "
                f"{cells[0]} | {cells[1]} |"
            )
    return found
