"""``sparring sandbox``: run programs in the sandbox from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparring.cli.check import check
from sparring.cli.common import PackagesFromOption, PackagesOption, packages_of_options
from sparring.errors import ConfigError, DataError
from sparring.sandbox.caller.credible import believed
from sparring.sandbox.types import USUAL_FORK, Fork, Job, Level, Limits
from sparring.schema import Outcome, Test, TestKind, Verdict
from sparring.text import visible

if TYPE_CHECKING:
    from sparring.tasks.suites.called import CallTest

app = typer.Typer(no_args_is_help=True, help="Run untrusted Python programs, or test the sandbox.")

app.command()(check)

_SHOWN = 2000
"""Most characters printed of each output, where there are several executions."""


@app.command()
def run(
    program: Annotated[Path, typer.Argument(help="The Python program to run.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="File with the standard input of an execution; may be repeated.",
        ),
    ] = None,
    expected: Annotated[
        list[Path] | None,
        typer.Option(
            "--expected",
            metavar="FILE",
            help="File with the expected output of an execution; one for each --input, in order.",
        ),
    ] = None,
    checker: Annotated[
        str, typer.Option(help="Rule that compares the outputs, such as tokens or float(1e-6).")
    ] = "tokens",
    asserts: Annotated[
        Path | None,
        typer.Option(
            "--asserts", metavar="FILE", help="File of assertions; each is run as a call."
        ),
    ] = None,
    script: Annotated[
        list[Path] | None,
        typer.Option(
            "--script",
            metavar="FILE",
            help="Test script that calls the function as candidate; may be repeated.",
        ),
    ] = None,
    entry_point: Annotated[
        str,
        typer.Option(
            "--entry-point",
            metavar="NAME",
            help="Name of the function that --asserts and --script test.",
        ),
    ] = "",
    seconds: Annotated[
        float, typer.Option("--seconds", help="Limit of an execution's CPU time, in seconds.")
    ] = 1.0,
    idle: Annotated[
        float, typer.Option("--idle", help="Limit of an execution's waiting time, in seconds.")
    ] = 2.0,
    memory: Annotated[
        int, typer.Option("--memory", help="Limit of an execution's memory, in MiB.")
    ] = 256,
    output: Annotated[
        int,
        typer.Option(
            "--output",
            help="Limit of an execution's output, in bytes; raised for a longer expected output.",
        ),
    ] = 1 << 20,
    level: Annotated[
        Level | None,
        typer.Option(help="Isolation level to require; by default the best the host allows."),
    ] = None,
    fork: Annotated[
        Fork, typer.Option(help="Whether the executions of one program share a process.")
    ] = USUAL_FORK,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each execution.")
    ] = False,
) -> None:
    """Run a program in the sandbox on inputs, assertions or scripts.

    Without any of these the program gets this command's standard input. The exit code is 0 if
    every execution ended by itself and gave the expected output, where one is given; else 1.
    """
    from sparring.grading.limits import needed_output_bytes
    from sparring.sandbox import Sandbox

    source = _read(program)
    named_inputs = [(str(p), _read(p)) for p in inputs or ()]
    expected_outputs = [_read(p) for p in expected or ()]
    if expected_outputs and len(expected_outputs) != len(named_inputs):
        raise ConfigError(
            f"--expected: {len(expected_outputs)} files for {len(named_inputs)} files of --input; "
            "give one for each"
        )
    if (asserts or script) and not entry_point:
        raise ConfigError(
            "--asserts and --script test a function; name the function by --entry-point"
        )
    if entry_point and not (asserts or script):
        raise ConfigError("--entry-point: nothing tests the function; add --asserts or --script")
    calls = _calls(asserts, entry_point) if asserts else []
    tests = [*(Test("", text) for text in expected_outputs), *(_as_test(call) for call in calls)]
    limits = Limits(seconds, idle, memory, output)  # checks the limits as the user gave them
    limits = replace(limits, output_bytes=needed_output_bytes(tests, output))
    rows: list[tuple[str, Job, str | None, str]] = []
    for number, (name, data) in enumerate(named_inputs):
        text = expected_outputs[number] if expected_outputs else None
        rows.append((name, Job(source, (data,), limits), text, checker))
    for test in calls:
        job = Job(source, (test.input,), limits, TestKind.CALL, entry_point)
        rows.append((_call_text(test, entry_point), job, test.output, test.checker))
    for path in script or ():
        job = Job(source, (_read(path),), limits, TestKind.SCRIPT, entry_point)
        rows.append((str(path), job, None, checker))
    if not rows:
        if sys.stdin is None:
            raise ConfigError("standard input is closed; give --input")
        # The program must get the bytes unchanged, whatever encoding the terminal has.
        data = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        rows = [("standard input", Job(source, (data,), limits), None, checker)]
    allowed = packages_of_options(packages, packages_from)
    with Sandbox(min(len(rows), 4), level=level, fork=fork, packages=allowed) as sandbox:
        runs = sandbox.run([job for _, job, _, _ in rows])
        outcomes = [believed(row[1].kind, one) for row, [one] in zip(rows, runs, strict=True)]
        level_used = sandbox.level
    graded = [_graded(o, row[2], row[3]) for o, row in zip(outcomes, rows, strict=True)]
    for (name, job, _, _), outcome in zip(rows, graded, strict=True):
        _print(name, job, outcome, as_json=as_json, is_only_run=len(rows) == 1)
    if not as_json and len(rows) > 1:
        passed = sum(_is_good(o) for o in graded)
        typer.echo(f"{passed} of {len(rows)} as expected (isolation: {level_used})", err=True)
    if not all(map(_is_good, graded)):
        raise typer.Exit(1)


def _is_good(outcome: Outcome) -> bool:
    return outcome.verdict in (Verdict.FINISHED, Verdict.ACCEPTED)


def _graded(outcome: Outcome, expected: str | None, checker: str) -> Outcome:
    from sparring.tasks.checkers.checker import CheckerRule, accepts, parse_checker

    try:
        program = parse_checker(checker).rule is CheckerRule.PROGRAM
    except ValueError as error:
        raise ConfigError(f"--checker: {error}") from None
    if program:
        raise ConfigError(
            "--checker program: is for task files, which hold the program; name another rule"
        )
    if expected is None or outcome.verdict is not Verdict.FINISHED:
        return outcome
    passed = accepts(checker, outcome.output, expected)
    return replace(outcome, verdict=Verdict.ACCEPTED if passed else Verdict.WRONG_ANSWER)


def _calls(path: Path, entry_point: str) -> list[CallTest]:
    from sparring.tasks.suites.asserts import NotACall, parse_asserts

    calls = []
    for parsed in parse_asserts(_read(path), [entry_point, "candidate"]):
        if isinstance(parsed, NotACall):
            line = parsed.source.strip().splitlines()[0][:80]
            typer.echo(visible(f"{path}: left out ({parsed.reason}): {line}"), err=True)
        else:
            calls.append(parsed)
    if not calls:
        raise DataError(f"{path}: no assertion is a call of {entry_point}; try --script")
    return calls


def _as_test(call: CallTest) -> Test:
    return Test(call.input, call.output, TestKind.CALL, call.checker)


def _call_text(test: CallTest, entry_point: str) -> str:
    from sparring import values

    arguments, keywords = values.decode(test.input)
    parts = [*map(repr, arguments), *(f"{k}={v!r}" for k, v in keywords.items())]
    return f"{entry_point}({', '.join(parts)})"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _print(name: str, job: Job, outcome: Outcome, *, as_json: bool, is_only_run: bool) -> None:
    from sparring import values

    output = values.show(outcome.output) if job.kind is TestKind.CALL else outcome.output
    if as_json:
        record: dict[str, Any] = {"run": name, "verdict": outcome.verdict.value}
        record |= {"output": output, "cpu_seconds": outcome.cpu_seconds}
        record |= {"memory_mib": outcome.memory_mib, "detail": outcome.detail}
        typer.echo(json.dumps(record))
        return
    if is_only_run:
        sys.stdout.write(visible(output))
        sys.stdout.flush()
    else:
        typer.echo(visible(f"{outcome.verdict.value:17} {name}"))
        for line in output[:_SHOWN].splitlines():
            typer.echo(visible(f"    {line}"))
    usage = f"{outcome.cpu_seconds:.3f} s, {outcome.memory_mib:.1f} MiB"
    detail = f": {outcome.detail}" if outcome.detail else ""
    if is_only_run or not _is_good(outcome):
        typer.echo(visible(f"{outcome.verdict.value}{detail} ({usage})"), err=True)
