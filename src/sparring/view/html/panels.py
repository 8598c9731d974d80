"""Panels of the overview: a chart for each figure, explained for a newcomer.

A panel takes its values from the evaluations' metrics, with intervals, or from the steps' lines of
metrics.jsonl. `sparring.view.plots.page` draws the charts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.evaluation.arm_figures import Point, evaluation_points, step_points
from sparring.view.plots.page import Frame, draw_chart


@dataclass(frozen=True, slots=True)
class Panel:
    """Chart of one figure, with a title and an explanation.

    ``name`` is the figure's key in the evaluations (``evaluated``) or in the steps. ``percent``
    says that the values are shares.
    """

    key: str
    title: str
    words: str
    name: str
    evaluated: bool = False
    percent: bool = True


PANELS: tuple[Panel, ...] = (
    Panel(
        "pass@1",
        "Programs right",
        "Share of single programs that pass every ground-truth test of their held-out task.",
        "pass@1",
        evaluated=True,
    ),
    Panel(
        "tests",
        "Tests right",
        "Share of generated tests whose expected output is what the reference solution prints.",
        "unit_test_accuracy",
        evaluated=True,
    ),
    Panel(
        "bon",
        "Best-of-N, own samples",
        "Share of held-out tasks solved by taking the program that passes most generated tests.",
        "bon",
        evaluated=True,
    ),
    Panel(
        "pool_bon",
        "Best-of-N, fixed pool",
        "Best-of-N among the initial model's programs, where only the tests have changed.",
        "pool_bon",
        evaluated=True,
    ),
    Panel(
        "catch",
        "Wrong programs caught",
        "Share of the pairs of a wrong pool program and a test in which a right test catches it.",
        "catch_rate",
        evaluated=True,
    ),
    Panel(
        "mu",
        "μ",
        "How well a test tells right programs from wrong ones; above 0, more tests help.",
        "mu",
        evaluated=True,
        percent=False,
    ),
    Panel(
        "batch",
        "Batch: programs right",
        "Share of the step's programs that pass every ground-truth test: noisy, on training tasks.",
        "pass@1",
    ),
    Panel(
        "batch_tests",
        "Batch: tests right",
        "Share of the step's generated tests that are right by the reference solution.",
        "tests_right",
    ),
    Panel(
        "invalid",
        "Batch: tests invalid",
        "Share of the generated tests that cannot be read or that the statement does not allow.",
        "tests_invalid",
    ),
    Panel(
        "dropped",
        "Groups without signal",
        "Share of groups from which nothing is learned; the Steps view says why for each.",
        "groups_dropped",
    ),
    Panel(
        "coder_reward",
        "Coder: reward",
        "Mean reward of the step's programs that have one, in the units of the reward in force.",
        "coder.reward_mean",
        percent=False,
    ),
    Panel(
        "tester_reward",
        "Tester: reward",
        "Mean reward of the step's tests that have one, in the units of the reward in force.",
        "tester.reward_mean",
        percent=False,
    ),
    Panel(
        "coder_entropy",
        "Coder: entropy",
        "How undecided the coder is at each token, in nats. Near 0 all its programs are alike.",
        "coder.entropy",
        percent=False,
    ),
    Panel(
        "tester_entropy",
        "Tester: entropy",
        "How undecided the tester is at each token, in nats. Near 0 all its tests are alike.",
        "tester.entropy",
        percent=False,
    ),
    Panel(
        "coder_kl",
        "Coder: KL",
        "KL divergence of the coder from the initial model, in nats per token.",
        "coder.kl",
        percent=False,
    ),
    Panel(
        "tester_kl",
        "Tester: KL",
        "KL divergence of the tester from the initial model, in nats per token.",
        "tester.kl",
        percent=False,
    ),
    Panel(
        "coder_length",
        "Coder: tokens per response",
        "Mean length of the coder's responses.",
        "coder.mean_length",
        percent=False,
    ),
    Panel(
        "tester_length",
        "Tester: tokens per response",
        "Mean length of the tester's responses.",
        "tester.mean_length",
        percent=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """Drawn panel: its SVG, the place of its axes, and the points of each run."""

    panel: Panel
    svg: str
    frame: Frame
    values: list[list[Point]]


def draw_panel(panel: Panel, runs: Sequence[Sequence[Mapping[str, Any]]]) -> Chart | None:
    """Draw a panel with a curve for each run's lines; return None where no run has a value."""
    points = evaluation_points if panel.evaluated else step_points
    values = [points(lines, panel.name) for lines in runs]
    if not any(values):
        return None
    return Chart(panel, *draw_chart(panel.key, panel.percent, panel.evaluated, values), values)
