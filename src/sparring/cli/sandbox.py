"""``sparring sandbox``: the executor from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparring.cli.check import check
from sparring.cli.common import PackagesFromOption, PackagesOption, given_packages
from sparring.errors import ConfigError, DataError
from sparring.sandbox.caller.credible import believed
from sparring.sandbox.types import USUAL_FORK, Fork, Job, Level, Limits
from sparring.schema import Kind, Outcome, Test, Verdict
from sparring.text import visible

if TYPE_CHECKING:
    from sparring.tasks.suites.called import CallTest

app = typer.Typer(no_args_is_help=True, help="Run untrusted Python programs, or try the sandbox.")

app.command()(check)

_SHOWN = 2000
"""Characters of an output that are printed."""


@app.command()
def run(
    program: Annotated[Path, typer.Argument(help="A Python program.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="FILE", help="Standard input of a run; may be repeated."),
    ] = None,
    expected: Annotated[
        list[Path] | None,
        typer.Option("--expected", metavar="FILE", help="What each run is to print, in order."),
    ] = None,
    checker: Annotated[
        str, typer.Option(help="How outputs are compared, such as float(1e-6).")
    ] = "tokens",
    asserts: Annotated[
        Path | None,
        typer.Option("--asserts", metavar="FILE", help="Assertions to be run as calls."),
    ] = None,
    script: Annotated[
        list[Path] | None,
        typer.Option("--script", metavar="FILE", help="A test script with candidate; repeatable."),
    ] = None,
    entry_point: Annotated[
        str, typer.Option("--entry-point", metavar="NAME", help="The function under test.")
    ] = "",
    seconds: Annotated[float, typer.Option("--seconds", help="CPU seconds of a run.")] = 1.0,
    idle: Annotated[float, typer.Option("--idle", help="Seconds of waiting.")] = 2.0,
    memory: Annotated[int, typer.Option("--memory", help="MiB of a run.")] = 256,
    output: Annotated[
        int, typer.Option("--output", help="Bytes of output; more where what is expected needs it.")
    ] = 1 << 20,
    level: Annotated[Level | None, typer.Option(help="Isolation to insist on.")] = None,
    fork: Annotated[Fork, typer.Option(help="Whether runs share a process.")] = USUAL_FORK,
    packages: PackagesOption = None,
    packages_from: PackagesFromOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per run.")] = False,
) -> None:
    """Run a program, in the sandbox, on inputs, assertions or scripts.

    Without any of them standard input is the input. The exit code is 0 if every run ended by
    itself and, where something was expected, was right; else 1.
    """
    from sparring.grading.limits import room_for
    from sparring.sandbox import Sandbox

    source = _read(program)
    named = [(str(p), _read(p)) for p in inputs or ()]
    wanted = [_read(p) for p in expected or ()]
    if wanted and len(wanted) != len(named):
        raise ConfigError(f"{len(wanted)} files of --expected for {len(named)} of --input")
    if (asserts or script) and not entry_point:
        raise ConfigError("--asserts and --script need --entry-point: which function is tested?")
    if entry_point and not (asserts or script):
        raise ConfigError("--entry-point is for --asserts and --script: neither is given")
    calls = _calls(asserts, entry_point) if asserts else []
    tests = [*(Test("", text) for text in wanted), *(_as_test(call) for call in calls)]
    limits = Limits(seconds, idle, memory, output)  # what is asked for has to make sense by itself
    limits = replace(limits, output_bytes=room_for(tests, output))
    rows: list[tuple[str, Job, str | None, str]] = []
    for number, (name, data) in enumerate(named):
        text = wanted[number] if wanted else None
        rows.append((name, Job(source, (data,), limits), text, checker))
    for test in calls:
        job = Job(source, (test.input,), limits, Kind.CALL, entry_point)
        rows.append((_shown_call(test, entry_point), job, test.output, test.checker))
    for path in script or ():
        job = Job(source, (_read(path),), limits, Kind.SCRIPT, entry_point)
        rows.append((str(path), job, None, checker))
    if not rows:
        if sys.stdin is None:
            raise ConfigError("standard input is closed: give --input")
        # Its bytes as they are, whatever the terminal's language makes of them.
        data = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        rows = [("standard input", Job(source, (data,), limits), None, checker)]
    given = given_packages(packages, packages_from)
    with Sandbox(min(len(rows), 4), level=level, fork=fork, packages=given) as sandbox:
        ran = sandbox.run([job for _, job, _, _ in rows])
        found = [believed(row[1].kind, one) for row, [one] in zip(rows, ran, strict=True)]
        used = sandbox.level
    graded = [_graded(o, row[2], row[3]) for o, row in zip(found, rows, strict=True)]
    for (name, job, _, _), outcome in zip(rows, graded, strict=True):
        _print(name, job, outcome, as_json=as_json, alone=len(rows) == 1)
    if not as_json and len(rows) > 1:
        good = sum(_good(o) for o in graded)
        typer.echo(f"{good} of {len(rows)} good (isolation: {used})", err=True)
    if not all(map(_good, graded)):
        raise typer.Exit(1)


def _good(outcome: Outcome) -> bool:
    return outcome.verdict in (Verdict.FINISHED, Verdict.ACCEPTED)


def _graded(outcome: Outcome, expected: str | None, checker: str) -> Outcome:
    from sparring.tasks.checkers.checker import Rule, accepts, parse_checker

    try:
        program = parse_checker(checker).rule is Rule.PROGRAM
    except ValueError as error:
        raise ConfigError(f"--checker: {error}") from None
    if program:
        raise ConfigError("--checker: program is for task files, which hold the program")
    if expected is None or outcome.verdict is not Verdict.FINISHED:
        return outcome
    good = accepts(checker, outcome.output, expected)
    return replace(outcome, verdict=Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER)


def _calls(path: Path, entry_point: str) -> list[CallTest]:
    from sparring.tasks.suites.asserts import NotACall, parse_asserts

    calls = []
    for found in parse_asserts(_read(path), [entry_point, "candidate"]):
        if isinstance(found, NotACall):
            line = found.source.strip().splitlines()[0][:80]
            said = f"{path}: left out ({found.reason}): {line}"
            typer.echo(visible(said), err=True)
        else:
            calls.append(found)
    if not calls:
        raise DataError(f"{path}: no assertion that is a call of {entry_point}; try --script")
    return calls


def _as_test(call: CallTest) -> Test:
    return Test(call.input, call.output, Kind.CALL, call.checker)


def _shown_call(test: CallTest, entry_point: str) -> str:
    from sparring import values

    arguments, named = values.decode(test.input)
    parts = [*map(repr, arguments), *(f"{k}={v!r}" for k, v in named.items())]
    return f"{entry_point}({', '.join(parts)})"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _print(name: str, job: Job, outcome: Outcome, *, as_json: bool, alone: bool) -> None:
    from sparring import values

    output = values.show(outcome.output) if job.kind is Kind.CALL else outcome.output
    if as_json:
        record: dict[str, Any] = {"run": name, "verdict": outcome.verdict.value}
        record |= {"output": output, "cpu_seconds": outcome.cpu_seconds}
        record |= {"memory_mib": outcome.memory_mib, "detail": outcome.detail}
        typer.echo(json.dumps(record))
        return
    if alone:
        sys.stdout.write(visible(output))
        sys.stdout.flush()
    else:
        typer.echo(visible(f"{outcome.verdict.value:17} {name}"))
        for line in output[:_SHOWN].splitlines():
            typer.echo(visible(f"    {line}"))
    usage = f"{outcome.cpu_seconds:.3f} s, {outcome.memory_mib:.1f} MiB"
    detail = f": {outcome.detail}" if outcome.detail else ""
    if alone or not _good(outcome):
        typer.echo(visible(f"{outcome.verdict.value}{detail} ({usage})"), err=True)
