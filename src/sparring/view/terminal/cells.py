"""Executions of a recorded group by name: the outcome of program P3 on test G0, and the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.schema import Verdict
from sparring.view.readable import Readable, readable
from sparring.view.terminal.names import Name

_FIELDS = {"G": "tests", "H": "hidden", "E": "examples", "X": "inputs"}
"""Fields of a recorded task with tests, by the letter of their names."""


@dataclass(frozen=True, slots=True)
class RecordedExecution:
    """Execution of a program on a test.

    ``cut`` says that the recorded output is shortened. ``used`` holds CPU seconds, MiB and a detail
    in words, or None where these are not recorded.
    """

    test: Name
    verdict: Verdict
    output: str
    cut: bool
    used: tuple[float, float, str] | None


def recorded_test(record: Mapping[str, Any], test: Name) -> Readable | None:
    """Return a test in readable form, or None where its response has no test."""
    task = record["task"]
    if (field := _FIELDS.get(test.letter)) is not None:
        return readable(task[field][test.index], task)
    tests = record["tests"] if test.letter == "U" else record["pseudo_labels"]["tests"]
    return readable(tests[test.index], task)


def recorded_executions(
    record: Mapping[str, Any], program: Name, usage: Mapping[str, Any]
) -> list[RecordedExecution]:
    """Return all executions of a program in the order of the matrix, hidden tests last."""
    own = program.letter == "P"
    entry = record["programs" if own else "initial_policy_programs"][program.index]
    names = _names(record, hidden=own)
    outcomes = [*entry["runs"], *entry.get("hidden_runs", ())]
    if own and "solve" in record:
        outcomes += [*entry["example_runs"], *entry["input_runs"]]
    used = usage.get("runs", ()) if own else ()
    usage_T = used[program.index] if program.index < len(used) else ()
    cells = [
        _cell(name, o, usage_T[i] if i < len(usage_T) else None)
        for i, (name, o) in enumerate(zip(names, outcomes, strict=False))
    ]
    return [*_pseudo_label_cells(record, program, usage, own), *cells]


def _names(record: Mapping[str, Any], hidden: bool) -> list[Name]:
    task = record["task"]
    hidden_tests = len(task.get("hidden", ())) if hidden else 0
    names = [
        *(Name("G", i) for i in range(len(task["tests"]))),
        *(Name("U", i) for i in range(len(record["tests"]))),
        *(Name("H", i) for i in range(hidden_tests)),
    ]
    if "solve" in record:
        names += [Name("E", i) for i in range(len(task["examples"]))]
        names += [Name("X", i) for i in range(len(task["inputs"]))]
    return names


def _pseudo_label_cells(
    record: Mapping[str, Any], program: Name, usage: Mapping[str, Any], own: bool
) -> list[RecordedExecution]:
    """Return a program's executions on the readable tests of the frozen tester."""
    labels = record.get("pseudo_labels")
    runs = labels and labels["runs" if own else "initial_policy_runs"]
    if not labels or not runs:
        return []
    readable_tests = [i for i, t in enumerate(labels["tests"]) if t["input"] is not None]
    used = usage.get("pseudo_labels", ()) if own else ()
    usage_T = used[program.index] if program.index < len(used) else ()
    return [
        _cell(Name("K", i), o, usage_T[n] if n < len(usage_T) else None)
        for n, (i, o) in enumerate(zip(readable_tests, runs[program.index], strict=False))
    ]


def _cell(test: Name, outcome: Mapping[str, Any], used: Sequence[Any] | None) -> RecordedExecution:
    return RecordedExecution(
        test,
        Verdict(outcome["verdict"]),
        str(outcome["output"]),
        "output_length" in outcome,
        None if used is None else (float(used[0]), float(used[1]), str(used[2])),
    )
