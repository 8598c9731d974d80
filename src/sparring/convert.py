"""Turning data sets of function tasks into task files, every test confirmed in the sandbox.

    sparring tasks convert HumanEval.jsonl.gz --out tasks.jsonl

The first test becomes a public example where at least three are left for
ground truth.
"""

from __future__ import annotations

import ast
import gzip
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparring.errors import DataError
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Task, Test, Verdict
from sparring.tasks.functions import Converted, convert_row


def convert_file(path: Path) -> list[Converted]:
    """The tasks of a JSONL file (also gzipped), in order, with reasons for what is left out."""
    rows = [_converted(row, i) for i, row in enumerate(_rows(path), start=1)]
    seen: set[str] = set()
    for i, row in enumerate(rows):
        if row.task and row.id in seen:
            rows[i] = Converted(row.id, None, "its id occurs twice in the file")
        seen.add(row.id)
    with_tasks = [(i, c.task) for i, c in enumerate(rows) if c.task]
    jobs = [
        Job(t.solutions[0], tuple(x.input for x in t.tests), Limits(cpu_seconds=t.time_limit))
        for _, t in with_tasks
    ]
    with Sandbox() as sandbox:
        found = sandbox.run(jobs)
    for (i, task), outcomes in zip(with_tasks, found, strict=True):
        confirmed = [
            Test(x.input, o.output)
            for x, o in zip(task.tests, outcomes, strict=True)
            if o.verdict is Verdict.FINISHED and _same(o.output, x.output)
        ]
        lost = len(task.tests) - len(confirmed)
        if confirmed:
            rows[i] = replace(
                rows[i], task=_with_example(task, confirmed), left_out=rows[i].left_out + lost
            )
        else:
            rows[i] = Converted(task.id, None, "its own solution passes no test as a program")
    return rows


def _converted(row: dict[str, Any], number: int) -> Converted:
    try:
        found = convert_row(row, number)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Converted(f"row-{number}", None, "it holds half a surrogate pair, which is no text")
    except (RecursionError, MemoryError, ValueError) as error:
        return Converted(f"row-{number}", None, f"beyond all measure: {error}")
    return found


def _with_example(task: Task, tests: list[Test]) -> Task:
    shown = 1 if len(tests) > 3 else 0
    return replace(task, examples=tuple(tests[:shown]), tests=tuple(tests[shown:]))


def _same(printed: str, expected: str) -> bool:
    """Whether two reprs mean the same value of the same type, and one that a program can be
    asked to print: the order of a set or of a dict's keys is no part of the value."""
    try:
        a, b = ast.literal_eval(printed.strip()), ast.literal_eval(expected.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return type(a) is type(b) and a == b and _ordered(a)


def _ordered(value: Any) -> bool:
    if isinstance(value, (set, frozenset, dict)):
        return len(value) < 2
    return all(map(_ordered, value)) if isinstance(value, (list, tuple)) else True


def _rows(path: Path) -> list[Any]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
        # At line feeds alone: a string may hold what else Unicode calls the end of a line.
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise DataError(f"{path}: not JSON lines: {error}") from None
    if not rows or not all(isinstance(r, dict) for r in rows):
        raise DataError(f"{path}: has no rows that are objects")
    return rows
