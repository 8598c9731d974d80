"""``sparring tasks``: make task files from data sets, and summarise task files."""

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
    from sparring.tasks.collect import CollectedTasks
    from sparring.tasks.rows.files import RawRow, RowFault

app = typer.Typer(no_args_is_help=True, help="Task files.")
_LISTED = 10
"""Most lines of each kind that are printed; the file of --report has all."""
_SECONDS = 5.0
"""Seconds between two lines of progress."""


@app.command()
def load(
    sets: Annotated[
        list[str],
        typer.Argument(
            help="Files, directories, names of known data sets, or OWNER/NAME of a hub set."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The JSONL file to write.")],
    split: Annotated[
        str | None,
        typer.Option("--split", help="Split of a hub set; known sets have a split by default."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="Configuration (part) of a hub set.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Commit or tag of a hub set.")
    ] = None,
    streaming: Annotated[
        bool | None,
        typer.Option(
            "--streaming/--no-streaming",
            help="Read hub sets row by row without storing them; LiveCodeBench-lite does by "
            "default.",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            "--release",
            help="Release of LiveCodeBench-lite: release_v1 to release_v6, or v1 to v6.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Keep tasks of contests from this day on."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Keep tasks of contests up to this day."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN,…",
            help="Columns to read the task's fields from (docs/data.md); may be repeated.",
        ),
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option("--max-rows", min=1, help="Stop after so many rows.")
    ] = None,
    max_tests: Annotated[
        int | None,
        typer.Option("--max-tests", min=1, help="Keep the first so many tests of each task."),
    ] = None,
    max_test_size: Annotated[
        int | None,
        typer.Option(
            "--max-test-size",
            min=1,
            help="Leave out tests of more characters, input and output together.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out bad rows instead of refusing the set.")
    ] = False,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Text to put before every task's id.")
    ] = "",
    difficulty: Annotated[
        str | None,
        typer.Option(
            "--difficulty",
            metavar="LABEL,…|LOW..HIGH",
            help="Keep tasks with one of these difficulty labels, or a difficulty in this range.",
        ),
    ] = None,
    shortest: Annotated[
        int | None,
        typer.Option(
            "--min-length", min=0, help="Keep tasks with at least so many characters of statement."
        ),
    ] = None,
    longest: Annotated[
        int | None,
        typer.Option(
            "--max-length", min=1, help="Keep tasks with at most so many characters of statement."
        ),
    ] = None,
    min_tests: Annotated[
        int | None,
        typer.Option("--min-tests", min=1, help="Keep tasks with so many tests or more."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", help="Keep tasks whose tests are all of one kind: stdin, call, script."
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", help="Keep tasks with at most this time limit, in seconds."),
    ] = None,
    max_memory: Annotated[
        int | None,
        typer.Option("--max-memory", help="Keep tasks with at most this memory limit, in MiB."),
    ] = None,
    pass_rate: Annotated[
        str | None,
        typer.Option(
            "--pass-rate",
            metavar="LOW..HIGH",
            help="Keep tasks with a pass rate in this range; needs --rates or --rate-column.",
        ),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(
            "--rates",
            help="Where the pass rates are: a run directory, or a file with task_id and pass_rate.",
        ),
    ] = None,
    rate_column: Annotated[
        str | None,
        typer.Option("--rate-column", help="Column of the rows with their pass rate, 0 to 1."),
    ] = None,
    dedupe: Annotated[
        str,
        typer.Option(
            "--dedupe",
            help="Leave out duplicates: no, exact (equal statements) or near (similar ones too).",
        ),
    ] = "no",
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="SET",
            help="Leave out tasks whose statement this set has too; may be repeated.",
        ),
    ] = None,
    ngram: Annotated[
        int,
        typer.Option(
            "--ngram", min=1, help="With --against: length of the compared runs of words, in words."
        ),
    ] = 8,
    share: Annotated[
        float,
        typer.Option(
            "--overlap",
            help="With --against: share of common runs of words from which a task is left out.",
        ),
    ] = 0.5,
    stdio: Annotated[
        bool,
        typer.Option("--stdio", help="Turn tasks with call tests into standard-input tasks."),
    ] = False,
    bare: Annotated[
        bool,
        typer.Option(
            "--without-examples",
            help="Take the worked examples out of the statements of function tasks.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="JSON file to write everything that was left out to."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Make one task file from data sets, and print what was left out and why."""
    from sparring.evaluation.passrates import pass_rates
    from sparring.grading.expected import reference_runs
    from sparring.schema import TestKind
    from sparring.tasks.cleaning.filters import Filters, parse_difficulty, parse_range
    from sparring.tasks.cleaning.imports import needs_lines, needs_of
    from sparring.tasks.cleaning.overlap import Overlap
    from sparring.tasks.cleaning.without_examples import has_examples
    from sparring.tasks.collect import RowSelection, collect
    from sparring.tasks.load import dump_tasks
    from sparring.tasks.mapping import MappedColumn, parse_mapping
    from sparring.tasks.rows.named_sources import HubChoice, rows_of
    from sparring.tasks.selection import Dedupe, TaskSelection, left_out_record

    if dedupe not in list(Dedupe):
        raise ConfigError(f"--dedupe {dedupe}: unknown value; choose no, exact or near")
    if kind is not None and kind not in list(TestKind):
        raise ConfigError(f"--kind {kind}: unknown kind; choose one of {', '.join(TestKind)}")
    if (pass_rate is not None) + (rates is None) + (rate_column is None) != 2:
        raise ConfigError(
            "--pass-rate: give --pass-rate with one of --rates and --rate-column, or none of the "
            "three"
        )
    if not 0 < share <= 1:
        raise ConfigError(f"--overlap {share:g}: must be above 0 and at most 1")
    filters = Filters(
        parse_difficulty(difficulty) if difficulty is not None else None,
        shortest,
        longest,
        min_tests,
        TestKind(kind) if kind is not None else None,
        max_seconds,
        max_memory,
        parse_range("--pass-rate", pass_rate) if pass_rate is not None else None,
    )
    choice = RowSelection(
        parse_mapping(columns or ()),
        max_tests,
        max_test_size,
        max_rows,
        _day("--since", since),
        _day("--until", until),
        prefix,
        MappedColumn("pass_rate", tuple(rate_column.split("."))) if rate_column else None,
        skip_bad,
    )
    hub_choice = HubChoice(split, config, revision, streaming, release)
    sources = [_with_progress(rows_of(name, hub_choice)) for name in sets]
    other_sets = [rows_of(name, HubChoice()) for name in against or ()]
    by_task = pass_rates(rates) if rates else {}
    for option, path in (("--out", out), ("--report", report)):
        if path is not None:
            check_file(option, path, force)
    with reference_runs() as reference:
        whole_sets = RowSelection(reference=reference)
        held_out = [t for rows in other_sets for t in collect([rows], whole_sets).tasks]
    with reference_runs() as reference:
        collected = collect(sources, replace(choice, reference=reference))
    rules = TaskSelection(filters, Dedupe(dedupe), held_out, Overlap(ngram, share), stdio, bare)
    tasks, removed = rules.apply(collected.tasks, by_task or collected.rates)
    if report is not None:
        with file_at(report, force) as path:
            record = left_out_record(collected, removed, len(tasks))
            write_new(path, json.dumps(record, indent=1) + "\n")
    _print_left_out(collected, removed)
    if not tasks:
        raise DataError("no task is left: all were left out, as listed above; loosen the options")
    for line in needs_lines(needs_of(tasks)):
        typer.echo(line, err=True)
    with file_at(out, force) as path:
        dump_tasks(tasks, path)
    if bare:
        kept = {t.id for t in tasks}
        changed = sum(has_examples(t) for t in collected.tasks if t.id in kept)
        typer.echo(f"statements whose worked examples were taken out: {changed:,}", err=True)
    typer.echo(f"{len(tasks):,} of {collected.rows:,} rows: {out}")


@app.command()
def show(
    file: Annotated[list[Path], typer.Argument(help="The task files to summarise.")],
) -> None:
    """Summarise task files: number of tasks and tests, kinds, difficulties, limits."""
    from rich.console import Console

    from sparring.tasks.load import read_task_files
    from sparring.view.terminal.tables import show as show_tables

    show_tables(Console(), _summary(read_task_files(file)))


def _with_progress(rows: Iterable[RawRow | RowFault]) -> Iterator[RawRow | RowFault]:
    """Yield the rows; on a terminal, print their number so far every few seconds."""
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
        raise ConfigError(f"{option} {text}: not a day; give one such as 2024-08-01") from None


def _print_left_out(collected: CollectedTasks, removed: Sequence[Removed]) -> None:
    """Print what was left out to standard error: counts, and the first lines of each kind."""
    for name, count in collected.left_out.most_common():
        typer.echo(f"column left out: {name} ({count:,} rows)", err=True)
    if collected.outside:
        typer.echo(f"rows left out for their date: {collected.outside:,}", err=True)
    for reason, count in collected.left_tests.most_common():
        typer.echo(f"tests left out: {count:,} ({reason})", err=True)
    if collected.large:
        typer.echo(f"tests left out for their size: {collected.large:,}", err=True)
    _print_first("bad rows", [str(f) for f in collected.faults])
    by_reason: dict[str, list[str]] = {}
    for one in removed:
        by_reason.setdefault(one.reason, []).append(str(one))
    for reason, lines in by_reason.items():
        _print_first(f"left out for {reason}", lines)


def _print_first(title: str, lines: Sequence[str]) -> None:
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

    from sparring.tasks.summary import summary
    from sparring.text import visible

    table = Table(title=f"{len(tasks):,} tasks")
    table.add_column("")
    table.add_column("tasks or tests", justify="right")
    for label, text in summary(tasks):
        table.add_row(Text(visible(label)), Text(visible(text)))
    return table
