"""``sparring theory``: estimate from a run's rollouts how many tests are worth sampling."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.common import step_range, write_text
from sparring.runs.labels import interval
from sparring.runs.lines import clean
from sparring.runs.reader import open_run
from sparring.text import listed
from sparring.view.terminal.tables import figure_table, show

_RATES = {
    "p_s": "p_s: share of correct programs",
    "parsed": "share of readable tests",
    "p_u": "p_u: share of right tests among readable ones",
    "p01": "p01: wrong program passes right test",
    "p00": "p00: wrong program passes wrong test",
    "p11": "p11: correct program passes right test (theorem: 100%)",
    "p10": "p10: correct program passes wrong test (theorem: 0%)",
    "mu": "μ of a readable test",
    "mu_sampled": "μ of a sampled test",
}


def theory(
    run: Annotated[Path, typer.Argument(help="Directory of the run.")],
    steps: Annotated[
        str | None,
        typer.Option(
            "--steps", metavar="A-B", help="The recorded steps to use; by default the last ten."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="JSON file to write every figure to."),
    ] = None,
) -> None:
    """Estimate how many tests are worth sampling: a run's predicted and observed precision.

    The precision of m tests is how often they prefer the correct program of a pair.
    """
    from sparring.evaluation.theory import theory_of

    figures, console = theory_of(open_run(run), step_range(steps)), Console()
    for line in _heading(run, figures, newest=steps is None):
        console.print(Text(line), soft_wrap=True)
    show(console, _rates(figures), *(_precision(figures, ties) for ties in ("lost", "halved")))
    for line in _advice(figures):
        console.print(Text(line), soft_wrap=True)
    if json_file is not None:
        write_text("--json", json_file, json.dumps(clean(figures), indent=1) + "\n")


def _heading(run: Path, figures: Mapping[str, Any], newest: bool) -> tuple[str, ...]:
    steps, by = figures["steps"], figures["tasks_by"]
    last = f", the last {len(steps)} of {figures['steps_recorded']} recorded" if newest else ""
    untested = f", {n:,} of them not tested" if (n := figures["untested_groups"]) else ""
    return (
        f"{run}: steps {steps[0]} to {steps[-1]}{last}",
        f"{figures['groups']:,} groups of {sum(by.values()):,} tasks with "
        f"{figures['tests_per_group']} tests each{untested}; {figures['pairs']:,} pairs of a "
        f"correct and a wrong program in {figures['paired_groups']:,} groups",
        f"right tests: by reference in {by['reference']:,} tasks, by the paper's rule (every "
        f"correct program passes) in {by['estimate']:,}",
    )


def _rates(figures: Mapping[str, Any]) -> Table:
    columns = {"by the paper's rule": figures["rates_by_the_papers_rule"]}
    if figures["tasks_by"]["reference"]:
        mixed = ", else by rule" if figures["tasks_by"]["estimate"] else ""
        columns = {f"by reference{mixed}": figures["rates"], **columns}
    rows = (
        [label, *(interval(c[name], name.startswith("mu")) for c in columns.values())]
        for name, label in _RATES.items()
    )
    return figure_table("Rates (95% intervals, clustered by task)", ["rate", *columns], rows)


def _precision(figures: Mapping[str, Any], ties: str) -> Table:
    names = ("tests", "bound", "predicted", "if independent", "observed", "observed − predicted")
    rows = (
        (
            str(row["m"]),
            f"{100 * row['bound']:.1f}%" if row["bound"] > 0 else "–",
            interval(e["predicted"], False),
            interval({"mean": e["independent"]["mean"]}, False),
            interval(e["observed"], False),
            interval(e["difference"], False, sign=True),
        )
        for row in figures["precision"]
        for e in (row[f"ties_{ties}"],)
    )
    title = f"How often m tests prefer the correct program of a pair, ties {ties}"
    return figure_table(title, names, rows, first="right")


def _advice(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many tests the theorem's model asks for, and whether the rollouts agree."""
    from sparring.metrics.theory import CAP, ZERO

    mu, needed = figures["rates"]["mu_sampled"], figures["needed"]
    if mu["mean"] is None:
        yield "μ is unknown: too few programs ran on too few tests; give more --steps."
        return
    if mu["mean"] <= ZERO:
        effect = "lower the precision" if mu["mean"] < -ZERO else "do not raise the precision"
        yield f"μ is not above 0: more tests {effect}; train the tester first."
    else:
        goals = listed([f"{n['precision']:.0%}" for n in needed])
        exact, promised = (
            listed([f"more than {CAP:,}" if n[by] is None else f"{n[by]:,}" for n in needed])
            for by in ("exact", "bound")
        )
        yield f"By the model a precision of {goals} takes {exact} tests (by the bound {promised})."
    if _may_be_0(mu):
        yield "The interval of μ includes 0: give more --steps before relying on μ."
    most = figures["tests_per_group"]
    [row] = [row["ties_lost"] for row in figures["precision"] if row["m"] == most]
    gap, observed = row["difference"], row["observed"]["mean"]
    if observed is None:
        yield f"No pair of programs was observed on all {most} tests."
        return
    verdict = "; the interval of the difference from the model includes 0"
    if not _may_be_0(gap):
        verdict = f", {'more' if gap['mean'] > 0 else 'less'} than the model predicts"
        if gap["mean"] < 0 and row["independent"]["mean"] > observed:
            verdict += ": a wrong program that passes one test tends to pass the others too"
    yield f"Observed with all {most} tests: {observed:.1%}{verdict}."


def _may_be_0(estimate: Mapping[str, Any]) -> bool:
    return estimate["low"] is None or bool(estimate["low"] <= 0 <= estimate["high"])
