"""What the overview draws: one panel for each figure, with words for a newcomer.

A panel takes its values from an evaluation's metrics, with their intervals, or from a step's line
of metrics.jsonl. How it is drawn is the business of `sparring.view.plots.page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.evaluation.arm_figures import Point, evaluation_points, step_points
from sparring.view.plots.page import Frame, draw_chart


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: what it shows, in words, and the name of its figure, of the evaluations (with
    intervals) or of the steps. ``percent``: values are shares."""

    key: str
    title: str
    words: str
    name: str
    evaluated: bool = False
    percent: bool = True


PANELS: tuple[Panel, ...] = (
    Panel(
        "one_shot",
        "Programs right",
        "Share of single programs that pass every ground-truth test of their held-out task.",
        "one_shot",
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
        "The same choice among the start model's programs: here only the tests have changed.",
        "pool_bon",
        evaluated=True,
    ),
    Panel(
        "catch",
        "Wrong programs caught",
        "Share of the pool's wrong programs that a generated test fails.",
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
        "The same share in the step's own training batch: noisy, and on training tasks.",
        "one_shot",
    ),
    Panel(
        "batch_tests",
        "Batch: tests right",
        "Share of the batch's generated tests that are right by reference.",
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
        "Mean reward of the batch's programs that have one, in the units of the reward in force.",
        "coder.reward_mean",
        percent=False,
    ),
    Panel(
        "tester_reward",
        "Tester: reward",
        "The same for the tester's tests.",
        "tester.reward_mean",
        percent=False,
    ),
    Panel(
        "coder_entropy",
        "Coder: entropy",
        "How undecided the coder is at each token, in nats. Near 0 its programs are all alike.",
        "coder.entropy",
        percent=False,
    ),
    Panel(
        "tester_entropy",
        "Tester: entropy",
        "The same for the tester.",
        "tester.entropy",
        percent=False,
    ),
    Panel(
        "coder_kl",
        "Coder: KL",
        "Distance from the start model, in nats per token.",
        "coder.kl",
        percent=False,
    ),
    Panel("tester_kl", "Tester: KL", "The same for the tester.", "tester.kl", percent=False),
    Panel(
        "coder_length",
        "Coder: tokens per response",
        "Mean length of a response.",
        "coder.mean_length",
        percent=False,
    ),
    Panel(
        "tester_length",
        "Tester: tokens per response",
        "The same for the tester.",
        "tester.mean_length",
        percent=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn panel. ``values``: the points of each run."""

    panel: Panel
    svg: str
    frame: Frame
    values: list[list[Point]]


def charted(panel: Panel, runs: Sequence[Sequence[Mapping[str, Any]]]) -> Chart | None:
    """One panel with a curve for each run's lines; None where no run has a value."""
    points = evaluation_points if panel.evaluated else step_points
    values = [points(lines, panel.name) for lines in runs]
    if not any(values):
        return None
    return Chart(panel, *draw_chart(panel.key, panel.percent, panel.evaluated, values), values)
