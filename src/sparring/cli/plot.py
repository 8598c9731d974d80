"""``sparring plot``: figures for papers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import check_file, step_range
from sparring.errors import ConfigError


class Kind(StrEnum):
    """What is drawn."""

    CURVES = "curves"
    GRID = "grid"
    PLANE = "plane"
    ABLATION = "ablation"


def plot(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN…", help="Runs; those of one label are seeds of an arm."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="A .svg, .pdf or .png file to write.")],
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="Curves over training; Best-of-N grids; the p01/p00 plane; bars against the "
            "first arm.",
        ),
    ] = Kind.CURVES,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Of curves and bars, several times: bon, coder.entropy, …"),
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="A-B", help="Of a grid: these recorded steps.")
    ] = None,
) -> None:
    """Draw runs for a paper. The same runs give the same file, to the byte."""
    from sparring.errors import well_formed
    from sparring.evaluation.arms import arms_of
    from sparring.view.plots.arms import draw_bars, draw_grids, draw_plane
    from sparring.view.plots.curves import draw_curves
    from sparring.view.plots.style import check_name, drawing, save

    if metric and kind not in (Kind.CURVES, Kind.ABLATION):
        raise ConfigError(f"--metric is for curves and bars, not for --kind {kind}")
    if steps is not None and kind is not Kind.GRID:
        raise ConfigError(f"--steps is for grids, not for --kind {kind}")
    chosen = step_range(steps)
    check_name(out)
    check_file("-o", out, force=True)
    arms = arms_of(runs)
    with drawing() as plt:
        with well_formed("the runs to be drawn"):
            figure = {
                Kind.CURVES: lambda: draw_curves(plt, arms, metric or ()),
                Kind.GRID: lambda: draw_grids(plt, arms, chosen),
                Kind.PLANE: lambda: draw_plane(plt, arms),
                Kind.ABLATION: lambda: draw_bars(plt, arms, metric or ()),
            }[kind]()
        save(figure, out)
        plt.close(figure)
    typer.echo(str(out))
