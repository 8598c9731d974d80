"""``sparring sandbox check``: test the sandbox on this host and print a table."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.cli.common import PackagesFromOption, PackagesOption, packages_of_options
from sparring.errors import ConfigError, DataError, SandboxError
from sparring.sandbox.types import USUAL_FORK, Fork, Level
from sparring.text import in_line

if TYPE_CHECKING:
    from sparring.sandbox.check.suites import TriedExecutor


class ExecutorChoice(StrEnum):
    """Executors that the check tests."""

    SANDBOX = "sandbox"
    SUBPROCESS = "subprocess"


class SuiteChoice(StrEnum):
    """Sets of cases to choose from."""

    ALL = "all"
    CONFORMANCE = "conformance"
    ATTACKS = "attacks"


def check(
    level: Annotated[
        Level | None,
        typer.Option(help="Isolation level to test; by default every level the host allows."),
    ] = None,
    backend: Annotated[
        ExecutorChoice,
        typer.Option(
            help="sandbox, or for comparison subprocess: a plain interpreter for each execution, "
            "which shows the attacks that it lets through."
        ),
    ] = ExecutorChoice.SANDBOX,
    fork: Annotated[
        Fork, typer.Option(help="Whether the executions of one program share a process.")
    ] = USUAL_FORK,
    suite: Annotated[SuiteChoice, typer.Option(help="The cases to run.")] = SuiteChoice.ALL,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Repeat all cases under four conditions: 300 descriptors open in this process, "
            "as worker 260, from threads, and after 10,000 executions.",
        ),
    ] = False,
    landlock_abi: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Use only the Landlock features of this ABI version, as an older kernel would.",
        ),
    ] = None,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
    every_case: Annotated[
        bool, typer.Option("--all", help="Print a line for every case, not only for failures.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="JSON file to write every case to."),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(
            "--grader",
            metavar="MODULE:FUNCTION",
            help="Test a grader instead of the sandbox: a function grade(program, tests), or the "
            "URL of a server (docs/graders.md).",
        ),
    ] = None,
    grader_python: Annotated[
        str | None,
        typer.Option(
            "--grader-python", metavar="PYTHON", help="Interpreter of the grader's environment."
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            "--card", metavar="FILE", help="Markdown file to write a grader's card of faults to."
        ),
    ] = None,
) -> None:
    """Test the sandbox on this host: programs that must run faithfully, attacks that must fail.

    A level takes about a minute, with --thorough five. With --grader, anyone's grader of programs
    is tested, and gets a card. The exit code is 1 if a case failed.
    """
    if grader is not None:
        _refuse_sandbox_options(
            level=level is not None,
            backend=backend is not ExecutorChoice.SANDBOX,
            fork=fork is not USUAL_FORK,
            suite=suite is not SuiteChoice.ALL,
            thorough=thorough,
            landlock_abi=landlock_abi is not None,
            packages=bool(packages or packages_from),
            all=every_case,
        )
        from sparring.cli.grader import check_grader

        if not check_grader(grader, grader_python, json_file, card):
            raise typer.Exit(1)
        return
    if grader_python is not None or card is not None:
        raise ConfigError("--grader-python and --card: are for a grader; add --grader")
    from sparring.sandbox.check import suites
    from sparring.sandbox.check.conditions import HostCondition

    allowed = packages_of_options(packages, packages_from)
    if backend is ExecutorChoice.SUBPROCESS and (
        level or thorough or landlock_abi or allowed.files
    ):
        raise ConfigError(
            "--level, --thorough, --landlock-abi and --packages are for the sandbox, not for a "
            "plain subprocess; leave them out"
        )
    chosen_suites = (
        list(suites.CheckSuite) if suite is SuiteChoice.ALL else [suites.CheckSuite(suite)]
    )
    if json_file is not None:
        _write(json_file, "")  # a file that cannot be written should fail before the work
    if backend is ExecutorChoice.SUBPROCESS:
        tried = [suites.check_subprocess(chosen_suites)]
    else:
        conditions = list(HostCondition) if thorough else [HostCondition.USUAL]
        tried = [
            suites.check_sandbox(one, fork, chosen_suites, condition, landlock_abi, allowed)
            for one in ([level] if level else Level)
            for condition in conditions
        ]
    if all(one.refused for one in tried):
        raise SandboxError("; ".join(f"{one.backend}: {one.refused}" for one in tried))
    console = Console(soft_wrap=True)
    _print_summary(console, tried)
    _print_cases(console, tried, every_case=every_case)
    if json_file is not None:
        rows = [asdict(one) for one in tried]
        _write(json_file, json.dumps(rows, indent=1, ensure_ascii=True) + "\n")
    if any(one.failed for one in tried):
        raise typer.Exit(1)


def _refuse_sandbox_options(**given: bool) -> None:
    """Raise `ConfigError` if an option was given that a grader does not take."""
    names = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if names:
        verb = "are" if len(names) > 1 else "is"
        raise ConfigError(f"{', '.join(names)}: {verb} for the sandbox, not for a --grader; omit")


def _print_summary(console: Console, tried: list[TriedExecutor]) -> None:
    table = Table()
    table.add_column("held / tried")
    for one in tried:
        table.add_column(one.backend, justify="right")
    columns = [
        (Counter(_group(r.name, r.suite) for r in one.results if r.held),
         Counter(_group(r.name, r.suite) for r in one.results if r.held is not None))
        for one in tried
    ]  # fmt: skip
    for group in dict.fromkeys(_group(r.name, r.suite) for one in tried for r in one.results):
        cells = [
            Text(f"{held[group]} / {all_[group]}", "" if held[group] == all_[group] else "red")
            for held, all_ in columns
        ]
        table.add_row(group, *cells)
    table.add_section()
    table.add_row("all", *(f"{held.total()} / {all_.total()}" for held, all_ in columns))
    table.add_row("seconds", *(f"{one.seconds:.0f}" for one in tried))
    console.print(table)
    for one in tried:
        if one.refused:
            console.print(Text(f"{one.backend}: not available on this host: {one.refused}"))


def _print_cases(console: Console, tried: list[TriedExecutor], *, every_case: bool) -> None:
    for one in tried:
        for result in one.results:
            if every_case or result.held is False:
                word = {True: "held", False: "FAILED", None: "not tried"}[result.held]
                line = f"{one.backend} · {result.name}: {word} ({result.why})"
                style = "red" if result.held is False else ""
                console.print(Text(in_line(line, 2000), style))


def _group(name: str, suite: str) -> str:
    return suite if suite != "attacks" else f"attacks, {name.partition(':')[0]}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
