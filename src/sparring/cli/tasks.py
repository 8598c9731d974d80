"""``sparring tasks``: data sets made into task files, and what is in them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparring.cli.common import ForceOption, check_file, file_at, write_new
from sparring.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.table import Table

    from sparring.schema import Task
    from sparring.tasks.cleaning.filters import Removed
    from sparring.tasks.collect import Collected
    from sparring.tasks.rows.files import Fault, Raw

app = typer.Typer(no_args_is_help=True, help="Task files.")
_LISTED = 10
"""Lines of each kind on the terminal; --report has all."""
_SECONDS = 5.0
"""Between two words of progress."""


@app.command()
def load(
    sets: Annotated[
        list[str],
        typer.Argument(help="Files, directories, known sets, or OWNER/NAME of the hub."),
    ],
    out: Annotated[Path, typer.Option("--out", help="A JSONL file to write.")],
    split: Annotated[
        str | None, typer.Option("--split", help="Of hub sets; known sets have theirs.")
    ] = None,
    config: Annotated[str | None, typer.Option("--config", help="Of hub sets: the part.")] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Of hub sets: a commit or tag.")
    ] = None,
    streaming: Annotated[
        bool | None,
        typer.Option(
            "--streaming/--no-streaming",
            help="Read hub sets row by row without keeping them; LiveCodeBench-lite does.",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option("--release", help="Of LiveCodeBench-lite: release_v1 to release_v6, or v1 …"),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Contests from this day on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Contests up to this day.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN,…", help="Other column names; docs/data.md."),
    ] = None,
    max_rows: Annotated[int | None, typer.Option("--max-rows", min=1)] = None,
    max_tests: Annotated[
        int | None, typer.Option("--max-tests", min=1, help="The first so many of each task.")
    ] = None,
    max_test_size: Annotated[
        int | None,
        typer.Option("--max-test-size", min=1, help="Leave out tests of more characters."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad rows out instead of refusing the load.")
    ] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Put before every task's id.")] = "",
    difficulty: Annotated[
        str | None,
        typer.Option("--difficulty", metavar="LABEL,…|LOW..HIGH", help="Keep these."),
    ] = None,
    shortest: Annotated[
        int | None, typer.Option("--min-length", min=0, help="Characters of the statement.")
    ] = None,
    longest: Annotated[int | None, typer.Option("--max-length", min=1)] = None,
    min_tests: Annotated[int | None, typer.Option("--min-tests", min=1)] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Keep tasks of stdin, call or script tests alone.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", help="Keep tasks of at most this time limit.")
    ] = None,
    max_memory: Annotated[
        int | None, typer.Option("--max-memory", help="… and of at most this memory limit (MiB).")
    ] = None,
    pass_rate: Annotated[
        str | None,
        typer.Option(
            "--pass-rate", metavar="LOW..HIGH", help="Keep these; with --rates or --rate-column."
        ),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option("--rates", help="A run directory, or a file of task_id and pass_rate."),
    ] = None,
    rate_column: Annotated[
        str | None, typer.Option("--rate-column", help="The rows' own pass rate, from 0 to 1.")
    ] = None,
    dedupe: Annotated[
        str, typer.Option("--dedupe", help="no, exact, or near (exact as well).")
    ] = "no",
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="SET", help="Leave out what this set has too."),
    ] = None,
    ngram: Annotated[int, typer.Option("--ngram", min=1, help="With --against: words.")] = 8,
    share: Annotated[
        float, typer.Option("--overlap", help="With --against: share of shared runs of words.")
    ] = 0.5,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Turn call tasks into programs on standard input.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write everything left out, as JSON.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Make one task file of data sets, and say what was left out and why."""
    from sparring.evaluation.passrates import pass_rates
    from sparring.grading.expected import reference_runs
    from sparring.schema import Kind
    from sparring.tasks.chosen import Dedupe, Rules, left_out_record
    from sparring.tasks.cleaning.filters import Filters, parse_difficulty, parse_range
    from sparring.tasks.cleaning.imports import needs_lines, needs_of
    from sparring.tasks.cleaning.overlap import Overlap
    from sparring.tasks.collect import Choice, collect
    from sparring.tasks.load import dump_tasks
    from sparring.tasks.mapping import Column, parse_mapping
    from sparring.tasks.rows.named import HubChoice, rows_of

    if dedupe not in list(Dedupe):
        raise ConfigError(f"--dedupe {dedupe}: there are no, exact and near")
    if kind is not None and kind not in list(Kind):
        raise ConfigError(f"--kind {kind}: there are {', '.join(Kind)}")
    if (pass_rate is not None) + (rates is None) + (rate_column is None) != 2:
        raise ConfigError("--pass-rate goes with --rates or --rate-column: where the rates are")
    if not 0 < share <= 1:
        raise ConfigError(f"--overlap {share:g}: must be above 0 and at most 1")
    filters = Filters(
        parse_difficulty(difficulty) if difficulty is not None else None,
        shortest,
        longest,
        min_tests,
        Kind(kind) if kind is not None else None,
        max_seconds,
        max_memory,
        parse_range("--pass-rate", pass_rate) if pass_rate is not None else None,
    )
    choice = Choice(
        parse_mapping(columns or ()),
        max_tests,
        max_test_size,
        max_rows,
        _day("--since", since),
        _day("--until", until),
        prefix,
        Column("pass_rate", tuple(rate_column.split("."))) if rate_column else None,
        skip_bad,
    )
    of_hub = HubChoice(split, config, revision, streaming, release)
    sources = [_told(rows_of(name, of_hub)) for name in sets]
    theirs = [rows_of(name, HubChoice()) for name in against or ()]
    by_task = pass_rates(rates) if rates else {}
    for option, path in (("--out", out), ("--report", report)):
        if path is not None:
            check_file(option, path, force)
    with reference_runs() as reference:
        alone = Choice(reference=reference)
        held_out = [t for rows in theirs for t in collect([rows], alone).tasks]
    with reference_runs() as reference:
        found = collect(sources, replace(choice, reference=reference))
    rules = Rules(filters, Dedupe(dedupe), held_out, Overlap(ngram, share), stdio)
    tasks, removed = rules.apply(found.tasks, by_task or found.rates)
    if report is not None:
        with file_at(report, force) as path:
            record = left_out_record(found, removed, len(tasks))
            write_new(path, json.dumps(record, indent=1) + "\n")
    _say(found, removed)
    if not tasks:
        raise DataError("no task is left")
    for line in needs_lines(needs_of(tasks)):
        typer.echo(line, err=True)
    with file_at(out, force) as path:
        dump_tasks(tasks, path)
    typer.echo(f"{len(tasks):,} of {found.rows:,} rows: {out}")


@app.command()
def show(
    file: Annotated[list[Path], typer.Argument(help="Task files.")],
) -> None:
    """What is in task files: counts, tests, kinds, difficulties, limits."""
    from rich.console import Console

    from sparring.tasks.load import load_tasks
    from sparring.view.terminal.tables import show as show_tables

    show_tables(Console(), _summary(load_tasks(file)))


def _told(rows: Iterable[Raw | Fault]) -> Iterator[Raw | Fault]:
    """The rows; on a terminal, now and then how many there were so far."""
    if not sys.stderr.isatty():
        yield from rows
        return
    last = time.monotonic()
    for number, row in enumerate(rows, start=1):
        yield row
        if time.monotonic() - last > _SECONDS:
            last = time.monotonic()
            typer.echo(f"{number:,} rows …", err=True)


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text}: give a day such as 2024-08-01") from None


def _say(found: Collected, removed: Sequence[Removed]) -> None:
    """What was left out, on standard error: the first lines of each kind, and counts."""
    for name, count in found.left_out.most_common():
        typer.echo(f"column left out: {name} ({count:,} rows)", err=True)
    if found.outside:
        typer.echo(f"outside of the dates: {found.outside:,} rows", err=True)
    for reason, count in found.left_tests.most_common():
        typer.echo(f"tests left out: {count:,} ({reason})", err=True)
    if found.large:
        typer.echo(f"tests left out for their size: {found.large:,}", err=True)
    _some("bad rows", [str(f) for f in found.faults])
    by_reason: dict[str, list[str]] = {}
    for one in removed:
        by_reason.setdefault(one.reason, []).append(str(one))
    for reason, lines in by_reason.items():
        _some(f"left out for {reason}", lines)


def _some(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    typer.echo(f"{title}: {len(lines):,}", err=True)
    for line in lines[:_LISTED]:
        typer.echo(f"  {line}", err=True)
    if len(lines) > _LISTED:
        typer.echo(f"  … and {len(lines) - _LISTED:,} more (--report has all)", err=True)


def _summary(tasks: Sequence[Task]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from sparring.runs.text import visible
    from sparring.tasks.summary import summary

    table = Table(title=f"{len(tasks):,} tasks")
    table.add_column("")
    table.add_column("tasks or tests", justify="right")
    for label, text in summary(tasks):
        table.add_row(Text(visible(label)), Text(visible(text)))
    return table
