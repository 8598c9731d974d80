"""The runs of a record by name: how program P3 fared on test G0, and what that test is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.schema import Verdict
from sparring.view.readable import Readable, readable
from sparring.view.terminal.names import Name


@dataclass(frozen=True, slots=True)
class Cell:
    """One run. ``used``: CPU seconds, MiB and a word on it, where that is on record."""

    test: Name
    verdict: Verdict
    output: str
    cut: bool
    used: tuple[float, float, str] | None


def given(record: Mapping[str, Any], test: Name) -> Readable | None:
    """A test; None where its response held none."""
    task = record["task"]
    if test.letter in "GH":
        return readable(task["tests" if test.letter == "G" else "withheld"][test.index], task)
    room = record["tests"] if test.letter == "U" else record["supervision"]["tests"]
    return readable(room[test.index], task)


def row(record: Mapping[str, Any], program: Name, usage: Mapping[str, Any]) -> list[Cell]:
    """All runs of a program, in the order of the matrix; withheld tests last."""
    own = program.letter == "P"
    entry = record["programs" if own else "opponents"][program.index]
    names = _names(record, withheld=own)
    outcomes = [*entry["runs"], *entry.get("withheld_runs", ())]
    used = usage.get("runs", ()) if own else ()
    known = used[program.index] if program.index < len(used) else ()
    found = [
        _cell(name, o, known[i] if i < len(known) else None)
        for i, (name, o) in enumerate(zip(names, outcomes, strict=False))
    ]
    return [*_supervised(record, program, usage, own), *found]


def _names(record: Mapping[str, Any], withheld: bool) -> list[Name]:
    task = record["task"]
    more = len(task.get("withheld", ())) if withheld else 0
    return [
        *(Name("G", i) for i in range(len(task["tests"]))),
        *(Name("U", i) for i in range(len(record["tests"]))),
        *(Name("H", i) for i in range(more)),
    ]


def _supervised(
    record: Mapping[str, Any], program: Name, usage: Mapping[str, Any], own: bool
) -> list[Cell]:
    """Its runs on the supervising tests that could be read."""
    told = record.get("supervision")
    runs = told and told["runs" if own else "opponents_runs"]
    if not told or not runs:
        return []
    read = [i for i, t in enumerate(told["tests"]) if t["input"] is not None]
    used = usage.get("supervision", ()) if own else ()
    known = used[program.index] if program.index < len(used) else ()
    return [
        _cell(Name("K", i), o, known[n] if n < len(known) else None)
        for n, (i, o) in enumerate(zip(read, runs[program.index], strict=False))
    ]


def _cell(test: Name, outcome: Mapping[str, Any], used: Sequence[Any] | None) -> Cell:
    return Cell(
        test,
        Verdict(outcome["verdict"]),
        str(outcome["output"]),
        "output_length" in outcome,
        None if used is None else (float(used[0]), float(used[1]), str(used[2])),
    )
