"""Terminal view of a response: its program or test, its executions, differences of outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.rewards.terms import number
from sparring.runs.text import block, one_line
from sparring.schema import TestKind, Verdict
from sparring.view.readable import Readable
from sparring.view.source import RecordedGroup
from sparring.view.terminal.cells import RecordedExecution, recorded_executions, recorded_test
from sparring.view.terminal.difference import difference
from sparring.view.terminal.names import Name
from sparring.view.terminal.symbols import mark, word

LINES = 24
"""Most lines of a program, a response or a difference, and most rows of a table."""


def show_program(
    group: RecordedGroup, name: Name, usage: Mapping[str, Any], console: Console, all_of_it: bool
) -> None:
    """Print a program with its executions, and the difference on the first wrong answer."""
    record, lines = group.record, 10_000 if all_of_it else LINES
    entry = record["programs" if name.letter == "P" else "initial_policy_programs"][name.index]
    _heading(group, str(name), entry, console)
    source = entry.get("source")
    if source is not None:
        _text("program", source, lines, console, numbered=True)
        _reading(entry, console)
    elif failure := entry.get("failure"):
        console.print(Text(f"the response has no program: {one_line(str(failure), 40)}"))
        _reading(entry, console)
    _response(entry, lines, console)
    cells = recorded_executions(record, name, usage)
    _executions(record, cells, None if all_of_it else LINES, console)
    wrong = next((c for c in cells if _compared(record, c)), None)
    if wrong is not None:
        console.print(Text(f"on {wrong.test} (- expected, + actual):", "bold"))
        _difference(record, wrong, lines, console)


def _reading(entry: Mapping[str, Any], console: Console) -> None:
    """Print the rule that read the response, and the text that the rule saw."""
    for name, label in (("how", "read as"), ("seen", "seen")):
        if text := entry.get(name):
            console.print(Text(f"{label}: {one_line(str(text), 200)}", "dim"))


def show_test(
    group: RecordedGroup, name: Name, usages: Mapping[str, Any], console: Console, all_of_it: bool
) -> None:
    """Print a test, the reference solution's verdict on it, and every program's execution."""
    record, lines = group.record, 10_000 if all_of_it else LINES
    entry = record["tests"][name.index] if name.letter == "U" else {}
    _heading(group, str(name), entry, console)
    one = recorded_test(record, name)
    if one is None:
        failure = one_line(str(entry.get("failure", "unread")), 40)
        console.print(Text(f"the response has no test: {failure}"))
        _reading(entry, console)
    else:
        _test(one, lines, console)
    if name.letter == "U":
        if "solve" not in record:
            _reference(entry, one, console)
        _response(entry, lines, console)
    table = Table(box=None, padding=(0, 1))
    for column in ("program", "verdict", "output"):
        table.add_column(column, no_wrap=True)
    count = 0
    rows = [Name("P", i) for i in range(len(record["programs"]))]
    if name.letter != "H":
        rows += [Name("I", i) for i in range(len(record.get("initial_policy_programs", ())))]
    for program in rows:
        cell = next(
            (c for c in recorded_executions(record, program, usages) if c.test == name), None
        )
        if cell is None:
            continue
        count += 1
        if all_of_it or count <= LINES:
            width = max(16, console.width - 34)
            table.add_row(str(program), word(cell.verdict), Text(_output(cell, one, width)))
    if count:
        console.print(table)
        if not all_of_it and count > LINES:
            console.print(Text(f"… {count - LINES} more programs (--all)", "dim"))


def show_cell(
    group: RecordedGroup,
    program: Name,
    test: Name,
    usage: Mapping[str, Any],
    console: Console,
    all_of_it: bool,
) -> None:
    """Print one execution: verdict, CPU time and memory, input, expected and actual output."""
    record, lines = group.record, 10_000 if all_of_it else LINES
    _heading(group, f"{program} on {test}", {}, console)
    cell = next((c for c in recorded_executions(record, program, usage) if c.test == test), None)
    one = recorded_test(record, test)
    if cell is None or one is None:
        console.print(Text("no execution: the response has no test, or none is recorded"))
        return
    console.print(word(cell.verdict))
    if cell.used is not None:
        seconds, memory, reason = cell.used
        usage_text = f"{seconds:.3f} s of CPU, {memory:.1f} MiB{': ' if reason else ''}"
        console.print(Text(usage_text + one_line(reason, 200)), soft_wrap=True)
    entry = record["programs" if program.letter == "P" else "initial_policy_programs"][
        program.index
    ]
    if entry.get("source") is not None:
        _text("program", entry["source"], lines, console, numbered=True)
    _text(_INPUT.get(one.kind, "input"), one.given, lines, console)
    _rule(one, console)
    if one.decides:
        return
    if one.input_only:
        console.print(Text(_OUTPUT.get(one.kind, "output"), "dim"))
    else:
        console.print(Text(f"{_OUTPUT.get(one.kind, 'output')} (- expected, + actual)", "dim"))
    if cell.verdict is Verdict.ACCEPTED or one.input_only:
        for line in block(one.output(cell.output), lines, console.width - 2):
            console.print(Text("  " + line), soft_wrap=True)
    else:
        _difference(record, cell, lines, console)


_INPUT = {TestKind.CALL.value: "call", TestKind.SCRIPT.value: "test script"}
_OUTPUT = {TestKind.CALL.value: "value"}


def _test(one: Readable, lines: int, console: Console) -> None:
    _text(_INPUT.get(one.kind, "input"), one.given, lines, console)
    if not one.decides and not one.input_only:
        _text(f"expected {_OUTPUT.get(one.kind, 'output')}", one.expected, lines, console)
    _rule(one, console)


def _rule(one: Readable, console: Console) -> None:
    """Print the rule that decides, where it is not the task's checker."""
    if one.input_only:
        console.print(Text("the expected output is unknown: programs are compared on it", "dim"))
    elif one.decides:
        console.print(Text("the script's own assertions decide: no output is compared", "dim"))
    elif one.rule:
        console.print(Text(f"compared by the test's own rule: {one_line(one.rule, 60)}", "dim"))


def _heading(group: RecordedGroup, name: str, entry: Mapping[str, Any], console: Console) -> None:
    task = one_line(str(group.record["task"]["id"]), 50)
    console.print(Text(f"step {group.step} · {task} · {name}", "bold"), soft_wrap=True)
    parts = []
    for key in ("reward", "advantage"):
        if key in entry and "solve" not in group.record:
            value = entry[key]
            parts.append(f"{key} {number(math.nan if value is None else float(value))}")
    if "token_ids" in entry:
        logprobs = [x for x in entry["logprobs"] if x is not None]
        mean = f", {sum(logprobs) / len(logprobs):.3f} nats each" if logprobs else ""
        tokens = entry["tokens"][1] if "tokens" in entry else len(entry["token_ids"])
        if tokens is not None:  # a server may report none
            parts.append(f"{int(tokens)} tokens{mean}")
        parts.append(f"ended by {one_line(str(entry['stop']), 20).replace('_', ' ')}")
    if entry.get("origin", "sampled") != "sampled":
        parts.append(f"{one_line(str(entry['origin']), 40)} from {entry.get('parent')}")
    if parts:
        console.print(Text(" · ".join(parts)), soft_wrap=True)


def _response(entry: Mapping[str, Any], lines: int, console: Console) -> None:
    if entry.get("text"):
        _text("response", str(entry["text"]), lines, console)


def _text(title: str, text: str, lines: int, console: Console, numbered: bool = False) -> None:
    console.print(Text(title, "dim"))
    for i, line in enumerate(block(text, lines, console.width - 6), start=1):
        console.print(Text(f"{i:>4}  {line}" if numbered else f"  {line}"), soft_wrap=True)


def _reference(entry: Mapping[str, Any], one: Readable | None, console: Console) -> None:
    """Print the verdict of the task's reference solution on a generated test."""
    text = Text("right by reference: ")
    text.append_text(mark(entry["right"]))
    if refused := entry.get("refused"):
        text.append(f"  refused: {one_line(str(refused), 40)}")
    reference = entry.get("reference")
    if reference is not None and one is not None:
        output = one.output(str(reference["output"]))
        if not one.decides and output.split() != one.expected.split():
            text.append(f"  the reference's output: {one_line(output.strip(), 40)}")
    console.print(text, soft_wrap=True)


def _executions(
    record: Mapping[str, Any], cells: list[RecordedExecution], most: int | None, console: Console
) -> None:
    table = Table(box=None, padding=(0, 1))
    for column in ("test", "verdict", "CPU s", "input", "expected", "output"):
        table.add_column(column, no_wrap=True, justify="right" if column == "CPU s" else "left")
    width = max(8, (console.width - 40) // 3)
    for cell in cells[:most]:
        one = recorded_test(record, cell.test)
        texts = ("–", "–")
        if one is not None:
            texts = (one.given, "–" if one.decides or one.input_only else one.expected)
        table.add_row(
            str(cell.test),
            word(cell.verdict),
            "–" if cell.used is None else f"{cell.used[0]:.3f}",
            *(Text(one_line(s.rstrip("\n"), width)) for s in texts),
            Text(_output(cell, one, width)),
        )
    console.print(table)
    if most is not None and len(cells) > most:
        console.print(Text(f"… {len(cells) - most} more executions (--all)", "dim"))


def _compared(record: Mapping[str, Any], cell: RecordedExecution) -> bool:
    """Return whether the cell has a wrong output to compare with the expected one."""
    one = recorded_test(record, cell.test)
    return cell.verdict is Verdict.WRONG_ANSWER and one is not None and not one.decides


def _output(cell: RecordedExecution, one: Readable | None, width: int) -> str:
    if cell.output:
        output = cell.output if one is None else one.output(cell.output)
        return one_line(output.rstrip("\n"), width)
    return one_line(cell.used[2], width) if cell.used else ""


def _difference(
    record: Mapping[str, Any], cell: RecordedExecution, lines: int, console: Console
) -> None:
    one = recorded_test(record, cell.test)
    if one is None:
        return
    actual = one.output(cell.output).rstrip("\n")
    for line in difference(one.expected.rstrip("\n"), actual, lines, console.width - 2):
        console.print(Text("  ") + line, soft_wrap=True)
    if cell.cut:
        console.print(Text("  the output was longer; only its first part is recorded", "dim"))
