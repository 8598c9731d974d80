"""``sparring theory``: how many tests are worth sampling, by a run's own rollouts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
from sparring.view.terminal.tables import show

_RATES = {
    "p_s": "p_s: programs that are correct",
    "parsed": "tests that could be read",
    "p_u": "p_u: right tests, of those",
    "p01": "p01: wrong program passes right test",
    "p00": "p00: wrong program passes wrong test",
    "p11": "p11: correct program passes right test (theorem: 100%)",
    "p10": "p10: correct program passes wrong test (theorem: 0%)",
    "mu": "μ of a test that could be read",
    "mu_sampled": "μ of a test that was sampled",
}
_PRECISION = "How often m tests prefer the correct program of a pair"


def theory(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    steps: Annotated[
        str | None,
        typer.Option("--steps", metavar="A-B", help="Recorded steps; default the last ten."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every figure there.")
    ] = None,
) -> None:
    """How many tests are worth sampling: predicted, promised and observed precision of a run."""
    from sparring.evaluation.theory import advice
    from sparring.evaluation.theory import theory as theory_of

    found = theory_of(open_run(run), step_range(steps))
    console = Console()
    for line in _heading(run, steps is None, found):
        console.print(Text(line), soft_wrap=True)
    show(console, _rates(found), _precision(found, "lost"), _precision(found, "halved"))
    for line in advice(found):
        console.print(Text(line), soft_wrap=True)
    if json_file is not None:
        write_text("--json", json_file, json.dumps(clean(found), indent=1) + "\n")


def _heading(run: Path, newest: bool, found: dict[str, Any]) -> list[str]:
    steps, by = found["steps"], found["tasks_by"]
    last = f", the last {len(steps)} of {found['steps_recorded']} on record" if newest else ""
    untested = f", {n:,} of them not tested" if (n := found["untested_groups"]) else ""
    return [
        f"{run}: steps {steps[0]} to {steps[-1]}{last}",
        f"{found['groups']:,} groups of {sum(by.values()):,} tasks with "
        f"{found['tests_per_group']} tests each{untested}; {found['pairs']:,} pairs of a correct "
        f"and a wrong program in {found['paired_groups']:,} groups",
        f"right tests: by reference in {by['reference']:,} tasks, by the paper's rule (every "
        f"correct program passes) in {by['estimate']:,}",
    ]


def _rates(found: dict[str, Any]) -> Table:
    columns = {"by the paper's rule": found["rates_by_the_papers_rule"]}
    if found["tasks_by"]["reference"]:
        mixed = ", else by rule" if found["tasks_by"]["estimate"] else ""
        columns = {f"by reference{mixed}": found["rates"], **columns}
    rows = (
        [label, *(interval(c[name], name.startswith("mu")) for c in columns.values())]
        for name, label in _RATES.items()
    )
    return _table("Rates (95% intervals, clustered by task)", ["rate", *columns], rows)


def _precision(found: dict[str, Any], ties: str) -> Table:
    names = ["tests", "bound", "predicted", "if independent", "observed", "observed − predicted"]
    rows = (
        [
            str(row["m"]),
            f"{100 * row['bound']:.1f}%" if row["bound"] > 0 else "–",
            interval(row[f"ties_{ties}"]["predicted"], False),
            interval({"mean": row[f"ties_{ties}"]["independent"]["mean"]}, False),
            interval(row[f"ties_{ties}"]["observed"], False),
            interval(row[f"ties_{ties}"]["difference"], False, sign=True),
        ]
        for row in found["precision"]
    )
    return _table(f"{_PRECISION}, ties {ties}", names, rows)


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    for name in names:
        table.add_column(name, justify="left" if name == "rate" else "right")
    for row in rows:
        table.add_row(*row)
    return table
