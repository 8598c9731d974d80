"""``sparring theory``: how many tests are worth sampling, by a run's own rollouts."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.errors import ConfigError
from sparring.runs.directory import RunDir
from sparring.runs.lines import clean
from sparring.runs.tables import interval, show

if TYPE_CHECKING:
    from sparring.evaluation.theory import Precision, Report
    from sparring.metrics.intervals import Estimate
    from sparring.metrics.theory import Ties

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
    from sparring.evaluation.theory import theory as theory_of

    found = theory_of(RunDir.reading(run), _range(steps))
    console = Console()
    for line in _heading(run, steps, found):
        console.print(Text(line), soft_wrap=True)
    show(console, _rates_table(found), *_precision_tables(found))
    for line in advice(found):
        console.print(Text(line), soft_wrap=True)
    if json_file is not None:
        _write(json_file, json.dumps(clean(found.as_dict()), indent=1) + "\n")


def advice(found: Report) -> list[str]:
    """What the figures come to: how many tests by the model, and whether it held here."""
    from sparring.metrics.theory import CAP, ZERO, Ties

    mu = found.rates["mu_sampled"]
    if math.isnan(mu.mean):
        return ["μ is not known: too few programs met too few tests; give more --steps."]
    rows = {row.m: row.by_ties for row in found.rows}
    if mu.mean <= ZERO:
        few, many = (rows[m][Ties.HALVED].predicted.mean for m in (1, max(rows)))
        lines = [
            f"μ is not above 0: more tests {'hurt' if mu.mean < -ZERO else 'tell nothing'}. With "
            f"ties halved the model says {few:.1%} with one test and {many:.1%} with "
            f"{max(rows)}; the tests must become better first."
        ]
    else:
        exact, promised = (
            [f"more than {CAP:,}" if m is None else f"{m:,}" for m in numbers]
            for numbers in ([n.exact for n in found.needed], [n.by_bound for n in found.needed])
        )
        wanted = [f"{n.precision:.0%}" for n in found.needed]
        lines = [
            f"By the model a precision of {_listed(wanted)} takes {_listed(exact)} tests "
            f"(by the bound {_listed(promised)})."
        ]
    if math.isnan(mu.low) or mu.low <= 0 <= mu.high:
        lines.append("These groups do not tell μ from 0: give more --steps before relying on it.")
    return [*lines, _held(found.tests, {m: by[Ties.LOST] for m, by in rows.items()})]


def _held(most: int, rows: dict[int, Precision]) -> str:
    """How the model's word compares with what was seen, with all tests of a group."""
    there = rows[most]
    gap, seen = there.difference, there.observed.mean
    if math.isnan(seen):
        return f"No pair of programs was seen on all {most} tests."
    said = f"Observed with all {most} tests: {seen:.1%}"
    if (before := max((m for m in rows if m < most), default=0)) > 0:
        said += f" ({100 * (seen - rows[before].observed.mean):+.1f} points since {before})"
    if math.isnan(gap.low) or gap.low <= 0 <= gap.high:
        return f"{said}; no difference from the model can be told."
    low, high = sorted(abs(100 * x) for x in (gap.low, gap.high))
    said += f", {abs(100 * gap.mean):.1f} points [{low:.1f}, {high:.1f}]"
    if gap.mean > 0:
        return f"{said} more than the model says."
    said += " less than the model says"
    if there.independent.mean > seen:
        said += (
            ": a wrong program that one test misses is missed by others too, so that more tests "
            "gain less than the model promises"
        )
    return f"{said}."


def _heading(run: Path, steps: str | None, found: Report) -> list[str]:
    from sparring.metrics.rates import RightBy

    chosen = f"steps {found.steps[0]} to {found.steps[-1]}"
    if steps is None:
        chosen += f", the last {len(found.steps)} of {len(found.recorded)} on record"
    reference, rule = found.by[RightBy.REFERENCE], found.by[RightBy.ESTIMATE]
    return [
        f"{run}: {chosen}",
        f"{found.groups:,} groups of {reference + rule:,} tasks with {found.tests} tests each"
        f"{f', {found.untested:,} of them not tested' if found.untested else ''}; "
        f"{found.pairs:,} pairs of a correct and a wrong program in {found.paired_groups:,} groups",
        f"right tests: by reference in {reference:,} tasks, by the paper's rule (every correct "
        f"program passes) in {rule:,}",
    ]


def _rates_table(found: Report) -> Table:
    from sparring.metrics.rates import RightBy

    table = Table(title="Rates (95% intervals, clustered by task)")
    table.add_column("rate")
    columns = [found.rates]
    if found.by[RightBy.REFERENCE]:
        mixed = ", else by rule" if found.by[RightBy.ESTIMATE] else ""
        table.add_column(f"by reference{mixed}", justify="right")
        columns.append(found.by_rule)
    table.add_column("by the paper's rule", justify="right")
    for name, label in _RATES.items():
        plain = name.startswith("mu")
        table.add_row(label, *(_cell(c[name], plain) for c in columns))
    return table


def _precision_tables(found: Report) -> list[Table]:
    from sparring.metrics.theory import Ties

    titles = {
        Ties.LOST: "How often m tests prefer the correct program of a pair (ties are lost, as in "
        "the theorem)",
        Ties.HALVED: "The same with ties halved",
    }
    return [_precision_table(found, ties, title) for ties, title in titles.items()]


def _precision_table(found: Report, ties: Ties, title: str) -> Table:
    from sparring.metrics.theory import Ties

    table = Table(title=title)
    bounded = ties is Ties.LOST
    names = ["tests", *(["bound"] if bounded else []), "predicted", "if independent", "observed"]
    for name in (*names, "observed − predicted"):
        table.add_column(name, justify="right")
    for row in found.rows:
        p = row.by_ties[ties]
        promised = f"{100 * row.bound:.1f}%" if row.bound > 0 else "–"
        table.add_row(
            str(row.m),
            *([promised] if bounded else []),
            _cell(p.predicted),
            "–" if math.isnan(p.independent.mean) else f"{100 * p.independent.mean:.1f}%",
            _cell(p.observed),
            _cell(p.difference, sign=True),
        )
    return table


def _cell(estimate: Estimate, plain: bool = False, sign: bool = False) -> str:
    return interval(estimate.as_dict(), plain, sign)


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _range(steps: str | None) -> range | None:
    if steps is None:
        return None
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", steps, re.ASCII)
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if first <= last:
            return range(first, last + 1)
    raise ConfigError(f"--steps {steps}: give the first and the last step, such as 61-70")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written: {error.strerror}") from None
