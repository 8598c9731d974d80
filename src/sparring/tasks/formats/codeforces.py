"""Rows of open-r1/codeforces: statements in parts, official tests, checkers that are programs.

- ``generated_checker`` is a Python program that is called with three files (input, expected
  output, the program's output) and prints 1 for a right output.
- `CHECKER` makes a `checker_program` of this program: it writes the files, sets the arguments and
  reads the printed verdict, as ``cf_scoring.py`` of huggingface/open-r1 does.
- Without a ``generated_checker``, outputs are compared by words.
- Refused, with the reason: interactive problems, and programs that read and write files.
- Left out: editorials, ratings of contests, and tests in separate files (``generated_tests``
  counts those tests).
"""

from __future__ import annotations

from collections.abc import Mapping

from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    RowSource,
    mebibytes,
    missing,
    seconds,
    stdin_tests,
)
from sparring.tasks.rows.fields import read_label
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed

COLUMNS = (
    "id", "title", "description", "input_format", "output_format", "interaction_format", "note",
    "examples", "official_tests", "input_mode", "generated_checker", "time_limit", "memory_limit",
    "rating",
)  # fmt: skip
SECONDS, MEMORY_MIB = 2.0, 256
"""Limits if the row has none: those of most problems of the site."""

CHECKER = """import io, json, sys
def judge(source, question):
    names = ["input.txt", "correct_output.txt", "solution_output.txt"]
    for name, key in zip(names, ["input", "expected", "output"]):
        with open(name, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(question[key])
    sys.argv = ["checker.py", *names]
    printed = io.StringIO()
    own, sys.stdout, sys.stdin = sys.stdout, printed, io.StringIO()
    status = 0
    try:
        exec(compile(source, "checker.py", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        status = stop.code or 0
    finally:
        sys.stdout = own
    return printed.getvalue().strip() if status == 0 else f"exit status {status}"
said = judge(SOURCE, json.load(sys.stdin))
print("accepted" if said == "1" else f"the checker said {said[:100]!r}")
"""


def read_codeforces(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``."""
    missing(row, "id", "description")
    tests, examples = _tests(row, "official_tests"), _tests(row, "examples")
    checker = row.text("generated_checker")
    limit = seconds(row, "time_limit", SECONDS)
    memory = mebibytes(row, "memory_limit", MEMORY_MIB)
    rating, name = row.data.get("rating"), read_label(row, "id") or ""
    statement = _statement(row)
    if (row.text("interaction_format") or "").strip():
        row.fault("interaction_format", "is given: interactive problems are not supported")
    mode = (row.text("input_mode") or "stdio").strip().lower()
    if mode != "stdio":
        row.fault("input_mode", f"is {mode!r}: only programs on standard input (stdio) are read")
    if checker is not None and checker.strip() and parsed(checker) is None:
        row.fault("generated_checker", "is not Python")
    if not tests and not row.faults:
        row.fault("official_tests", "has no test; a task without ground-truth tests has no reward")
    if row.faults:
        return None
    program = CHECKER.replace("SOURCE", repr(checker)) if checker and checker.strip() else None
    return Task(
        id=name,
        statement=statement,
        tests=tests,
        examples=examples,
        time_limit=limit,
        memory_limit=memory,
        checker="program" if program else "tokens",
        checker_program=program,
        difficulty=f"{rating:g}" if isinstance(rating, (int, float)) else None,
        source=source.where,
    )


FORMAT = Format("open-r1/codeforces", COLUMNS, read_codeforces)


def _section(heading: str, text: str | None) -> str:
    return f"## {heading}\n{text.strip()}" if text and text.strip() else ""


def _statement(row: TaskRow) -> str:
    """Return the parts of a statement, in the site's order, without the examples.

    Prompts add the examples.
    """
    title = row.text("title")
    parts = [f"# {title}" if title else "", row.text("description") or ""]
    for column, heading in (("input_format", "Input"), ("output_format", "Output")):
        parts.append(_section(heading, row.text(column)))
    parts.append(_section("Note", row.text("note")))
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _tests(row: TaskRow, name: str) -> tuple[Test, ...]:
    cell = row.data.get(name)
    if cell is None:
        return ()
    if not isinstance(cell, (list, tuple)) or not all(isinstance(pair, Mapping) for pair in cell):
        row.fault(name, "must be a list of objects with input and output")
        return ()
    return stdin_tests(row, name, [(pair.get("input"), pair.get("output")) for pair in cell])
