"""``sparring audit``: check whether the tests and solutions of a data set are sound."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.common import (
    ForceOption,
    PackagesFromOption,
    PackagesOption,
    check_sources,
    packages_of_options,
)
from sparring.tasks.cleaning.cleaned import CleaningPolicy

if TYPE_CHECKING:
    from sparring.audit.run import AuditReport
    from sparring.runs.bar import Bar


def audit(
    files: Annotated[
        list[Path],
        typer.Argument(help="Task files, or files of HumanEval, MBPP or LiveCodeBench."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Directory to write the report and the sound tasks to."
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option("--repeats", min=1, max=20, help="Executions of each solution on each test."),
    ] = 3,
    mutants: Annotated[
        int,
        typer.Option(
            "--mutants",
            min=0,
            max=1000,
            help="Mutants (copies of a solution with one mistake) per task; 0 for none.",
        ),
    ] = 20,
    weak: Annotated[
        float,
        typer.Option(
            "--weak", min=0, max=1, help="Mutation score below which a task's tests are weak."
        ),
    ] = 0.5,
    slow: Annotated[
        float,
        typer.Option(
            "--slow",
            min=0.01,
            max=1,
            help="Share of the time limit from which an execution counts as slow.",
        ),
    ] = 0.5,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=1,
            max=100,
            help="Factor of the wider time limits in which a solution that was too slow runs anew.",
        ),
    ] = 10.0,
    policy: Annotated[
        CleaningPolicy, typer.Option("--filter", help="What to leave out of the sound tasks.")
    ] = CleaningPolicy.DROP_TESTS,
    least: Annotated[
        int,
        typer.Option(
            "--least", min=1, help="Fewest sound tests a task needs to stay among the sound tasks."
        ),
    ] = 1,
    force: ForceOption = False,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
) -> None:
    """Check a data set: run its solutions on its tests and report what is wrong.

    Exits with 0 if nothing was found, 1 if something was found, 2 if the files cannot be read.
    """
    from sparring.audit.files import check_out, write
    from sparring.audit.run import AuditOptions, audit
    from sparring.audit.soundness import Care
    from sparring.runs.bar import Bar

    check_sources(files)
    if out is not None:
        check_out(out, force)
    audit_options = AuditOptions(Care(repeats, patience, slow), mutants, weak, policy, least)
    allowed = packages_of_options(packages, packages_from)
    with Bar(Console(stderr=True)) as bar:
        report = audit(files, audit_options, _progress(bar), allowed)
    if out is not None:
        write(report, audit_options, files, out)
    _show(Console(), report, out)
    if report.findings:
        raise typer.Exit(1)


def _progress(bar: Bar) -> Callable[[int, int, int], None]:
    """Return a function that shows progress: on the bar in a terminal, else in about ten lines."""
    from sparring.runs.bar import time_left

    start = time.monotonic()
    last = -1

    def show(done: int, tasks: int, findings: int) -> None:
        nonlocal last
        message = f"{done} of {tasks} tasks, {findings} findings"
        if 0 < done < tasks:
            message += f", {time_left((time.monotonic() - start) / done * (tasks - done))} left"
        tenth = 10 * done // tasks
        if bar.shown and done < tasks:
            bar.show("", done / tasks, message)
        elif tenth != last:
            bar.note(message)
        last = tenth

    return show


def _show(console: Console, report: AuditReport, out: Path | None) -> None:
    from sparring.tasks.cleaning.cleaned import counts
    from sparring.tasks.cleaning.imports import needs_lines
    from sparring.text import visible
    from sparring.view.terminal.tables import show

    findings = report.findings
    tests = sum(len(e.audited.task.tests) for e in report.entries)
    confirmed = sum(e.audited.confirmed for e in report.entries)
    if findings:
        table = Table(title=f"{len(findings)} findings in {len(report.entries)} tasks")
        table.add_column("fault")
        table.add_column("findings", justify="right")
        table.add_column("for example")
        for fault, number in counts(findings).items():
            first = next(f for f in findings if f.fault is fault)
            example = Text(" ".join(visible(f"{first.where}: {first.seen}").split()))
            table.add_row(fault.value.replace("_", " "), str(number), example)
        show(console, table)
    strong = [e.strength for e in report.entries if e.strength is not None]
    scores = [s.score for s in strong if s.score is not None]
    unchecked = f", {len(report.unchecked)} not checked" if report.unchecked else ""
    lines = [
        f"{confirmed} of {tests} tests are confirmed by a solution"
        f" ({report.level}); {len(report.sound)} of {len(report.entries)} tasks are sound"
        f"{unchecked}"
    ]
    if scores:
        taken, outcomes = sum(s.covered for s in strong), sum(s.branches for s in strong)
        covered = f" and take {taken} of {outcomes} branches" if outcomes else ""
        lines.append(
            f"the tests catch {sum(scores) / len(scores):.0%} of the mutants of the "
            f"solutions{covered}"
        )
    if report.left_out:
        names = ", ".join(report.left_out)
        lines.append(f"columns that tasks do not use, left out: {names}")
    lines += needs_lines(report.needs)
    if not findings:
        lines.append("nothing was found")
    if out is not None:
        names = "audit.json, audit.md"
        names += ", tasks.jsonl" if report.sound else ""
        names += ", unchecked.jsonl" if report.unchecked else ""
        lines.append(f"{out}: {names}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)
