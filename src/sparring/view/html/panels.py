"""What the overview draws: one panel for each figure, with words for a newcomer.

A panel takes its values from an evaluation's metrics, with their intervals, or from a step's line
of metrics.jsonl. How it is drawn is the business of `sparring.view.plots.page`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.view.plots.page import Frame, Series, draw_chart


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: what it shows, in words, and where its values are. ``of``: from an evaluation's
    metrics (with intervals) or from a step's line; ``percent``: values are shares."""

    key: str
    title: str
    words: str
    of: Callable[[Mapping[str, Any]], Any]
    evaluated: bool = False
    percent: bool = True


def _metric(start: str) -> Callable[[Mapping[str, Any]], Any]:
    """The estimate of a metric; Best-of-N stands under its size."""

    def find(evaluation: Mapping[str, Any]) -> Any:
        metrics = evaluation["metrics"]
        return next((v for k, v in metrics.items() if k == start or _sized(k, start)), None)

    return find


def _sized(name: str, start: str) -> bool:
    return re.fullmatch(re.escape(start) + r"_\d+x\d+", name) is not None


def _line(*keys: str) -> Callable[[Mapping[str, Any]], Any]:
    def find(line: Mapping[str, Any]) -> Any:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return find


PANELS: tuple[Panel, ...] = (
    Panel(
        "one_shot",
        "Programs right",
        "Share of single programs that pass every ground-truth test of their held-out task.",
        _metric("one_shot"),
        evaluated=True,
    ),
    Panel(
        "tests",
        "Tests right",
        "Share of generated tests whose expected output is what the reference solution prints.",
        _metric("unit_test_accuracy"),
        evaluated=True,
    ),
    Panel(
        "bon",
        "Best-of-N, own samples",
        "Share of held-out tasks solved by taking the program that passes most generated tests.",
        _metric("bon"),
        evaluated=True,
    ),
    Panel(
        "pool_bon",
        "Best-of-N, fixed pool",
        "The same choice among the start model's programs: here only the tests have changed.",
        _metric("pool_bon"),
        evaluated=True,
    ),
    Panel(
        "catch",
        "Wrong programs caught",
        "Share of the pool's wrong programs that a generated test fails.",
        _metric("catch_rate"),
        evaluated=True,
    ),
    Panel(
        "mu",
        "μ",
        "How well a test tells right programs from wrong ones; above 0, more tests help.",
        _metric("mu"),
        evaluated=True,
        percent=False,
    ),
    Panel(
        "batch",
        "Batch: programs right",
        "The same share in the step's own training batch: noisy, and on training tasks.",
        _line("one_shot"),
    ),
    Panel(
        "batch_tests",
        "Batch: tests right",
        "Share of the batch's generated tests that are right by reference.",
        _line("tests_right"),
    ),
    Panel(
        "invalid",
        "Batch: tests invalid",
        "Share of the generated tests that cannot be read or that the statement does not allow.",
        _line("tests_invalid"),
    ),
    Panel(
        "dropped",
        "Groups without signal",
        "Share of groups from which nothing is learned; the Steps view says why for each.",
        _line("groups_dropped"),
    ),
    Panel(
        "coder_reward",
        "Coder: reward",
        "Mean reward of the batch's programs that have one, in the units of the reward in force.",
        _line("coder", "reward_mean"),
        percent=False,
    ),
    Panel(
        "tester_reward",
        "Tester: reward",
        "The same for the tester's tests.",
        _line("tester", "reward_mean"),
        percent=False,
    ),
    Panel(
        "coder_entropy",
        "Coder: entropy",
        "How undecided the coder is at each token, in nats. Near 0 its programs are all alike.",
        _line("coder", "entropy"),
        percent=False,
    ),
    Panel(
        "tester_entropy",
        "Tester: entropy",
        "The same for the tester.",
        _line("tester", "entropy"),
        percent=False,
    ),
    Panel(
        "coder_kl",
        "Coder: KL",
        "Distance from the start model, in nats per token.",
        _line("coder", "kl"),
        percent=False,
    ),
    Panel(
        "tester_kl", "Tester: KL", "The same for the tester.", _line("tester", "kl"), percent=False
    ),
    Panel(
        "coder_length",
        "Coder: tokens per response",
        "Mean length of a response.",
        _line("coder", "mean_length"),
        percent=False,
    ),
    Panel(
        "tester_length",
        "Tester: tokens per response",
        "The same for the tester.",
        _line("tester", "mean_length"),
        percent=False,
    ),
)


def series(panel: Panel, lines: Sequence[Mapping[str, Any]]) -> Series:
    """A panel's points from a run's evaluations or metrics; unknown values are left out."""
    found: Series = []
    for line in lines:
        value = panel.of(line)
        if isinstance(value, Mapping):
            mean, low, high = (value.get(k) for k in ("mean", "low", "high"))
            if isinstance(mean, int | float):
                found.append((line["step"], mean, low, high))
        elif isinstance(value, int | float):
            found.append((line["step"], value, None, None))
    return found


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn panel. ``values``: the series of each run."""

    panel: Panel
    svg: str
    frame: Frame
    values: list[Series]


def charted(panel: Panel, runs: Sequence[Sequence[Mapping[str, Any]]]) -> Chart | None:
    """One panel with a curve for each run's lines; None where no run has a value."""
    values = [series(panel, lines) for lines in runs]
    if not any(values):
        return None
    return Chart(panel, *draw_chart(panel.key, panel.percent, panel.evaluated, values), values)
