"""``sparring plot``: draw the figures of runs for papers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import check_file, step_range
from sparring.errors import ConfigError


class PlotKind(StrEnum):
    """Kinds of drawings that `sparring plot` makes."""

    CURVES = "curves"
    GRID = "grid"
    PLANE = "plane"
    ABLATION = "ablation"


def plot(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN…",
            help="Directories of runs; runs with one label are drawn as seeds of one arm.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .svg, .pdf or .png file to write.")],
    kind: Annotated[
        PlotKind,
        typer.Option(
            "--kind",
            help="What to draw: curves over training; grids of Best-of-N; the plane of p01 and "
            "p00; an ablation's bars, each the difference of an arm from the first arm.",
        ),
    ] = PlotKind.CURVES,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="For curves and bars: a figure to draw, such as bon or coder.entropy; may be "
            "repeated.",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option("--steps", metavar="A-B", help="For a grid: use the recorded steps A to B."),
    ] = None,
) -> None:
    """Draw runs for a paper. The same runs always give the same bytes."""
    from sparring.errors import well_formed
    from sparring.evaluation.arms import arms_of
    from sparring.view.plots.arms import draw_bars, draw_grids, draw_plane
    from sparring.view.plots.curves import draw_curves
    from sparring.view.plots.style import check_name, drawing, save

    if metric and kind not in (PlotKind.CURVES, PlotKind.ABLATION):
        raise ConfigError(f"--metric is for curves and bars, not for --kind {kind}; leave it out")
    if steps is not None and kind is not PlotKind.GRID:
        raise ConfigError(f"--steps is for grids, not for --kind {kind}; leave it out")
    recorded_steps = step_range(steps)
    check_name(out)
    check_file("-o", out, force=True)
    arms = arms_of(runs)
    with drawing() as plt:
        with well_formed("the runs to be drawn"):
            figure = {
                PlotKind.CURVES: lambda: draw_curves(plt, arms, metric or ()),
                PlotKind.GRID: lambda: draw_grids(plt, arms, recorded_steps),
                PlotKind.PLANE: lambda: draw_plane(plt, arms),
                PlotKind.ABLATION: lambda: draw_bars(plt, arms, metric or ()),
            }[kind]()
        save(figure, out)
        plt.close(figure)
    typer.echo(str(out))
