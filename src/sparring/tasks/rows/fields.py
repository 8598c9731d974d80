"""Read one row of a task file: its fields, and the checks on each.

- The names are those of the CURE data sets (`question`, `test_input`, …), plus a few of our own.
- A row is checked to its end, so that a user sees all faults of the row at once.
- With an ``entry_point``, tests are calls, or have the kinds that ``test_kind`` lists. A call's
  ``test_input`` is the encoded pair of positional and named arguments, its ``test_output`` the
  encoded value (`sparring.values`). A script's ``test_input`` is its source.
- ``tests`` replaces these columns with tests as people write them (`written`).
"""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Mapping
from typing import Any

from sparring.schema import Task, Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule, parse_checker
from sparring.tasks.preambles import preamble_fault as preamble_fault
from sparring.tasks.rows.column_hints import columns_hint
from sparring.tasks.rows.heads import is_python
from sparring.tasks.rows.row import TaskRow, is_text, named_kind
from sparring.tasks.rows.row_tests import read_tests
from sparring.tasks.rows.tests_field import read_tests_field

REQUIRED = ("question", "test_input", "test_output")
OPTIONAL = (
    "task_id",
    "example_input",
    "example_output",
    "test_time_limit",
    "memory_limit",
    "checker",
    "checker_program",
    "solutions",
    "validator",
    "difficulty",
    "exe_method",
    "dataset",
    "entry_point",
    "preamble",
    "head",
    "test_kind",
    "test_checker",
    "example_kind",
    "example_checker",
    "tests",
)
_OTHER_NAMES = {"id": ["task_id"]}
"""Names of other formats that no known field is close to, with the field that is meant."""
_INSTEAD = ("test_input", "test_output", "test_kind", "test_checker")
"""Fields that ``tests`` replaces."""
FUNCTION = "function"
"""``exe_method`` of a task with an entry point."""
_LONGEST_LABEL = 10**40
"""Whole numbers from here on are no label."""
MAX_SECONDS = 600.0
"""Highest time limit of a task, in seconds."""


def read_row(
    data: Any, default_id: str, source: str, max_tests: int | None
) -> tuple[Task | None, list[tuple[str, str]]]:
    """Return the task of a row, or None and the row's faults as (field, fault)."""
    if not isinstance(data, Mapping):
        return None, [("row", f"must be an object with named fields, not {named_kind(data)}")]
    row = TaskRow(data)
    has_tests_field = data.get("tests") is not None
    needed = REQUIRED[:1] if has_tests_field else REQUIRED
    missing = [name for name in needed if data.get(name) is None]
    if missing and data:  # one fault with a guess at the columns, instead of a fault for each
        more = f", as {'is' if len(missing) == 2 else 'are'} {' and '.join(missing[1:])}"
        row.text("question")
        fault = f"is missing{more if missing[1:] else ''}; {columns_hint(data)}"
        return None, [*row.faults, (missing[0], fault)]
    for name in data:
        if name not in (*REQUIRED, *OPTIONAL):
            close = _OTHER_NAMES.get(str(name)) or difflib.get_close_matches(
                str(name), (*REQUIRED, *OPTIONAL), n=1
            )
            hint = f"; did you mean {close[0]}?" if close else "; remove it or rename it"
            shown = str(name) if str(name).isprintable() else repr(name)
            row.fault(shown, f"is not a known field{hint}")
    for name in missing:
        row.fault(name, "is missing")
    for name in _INSTEAD:
        if has_tests_field and data.get(name) is not None:
            row.fault("tests", f"replaces {name}; leave one of the two out")
    statement = row.text("question", "") or ""
    if "question" in data and not statement.strip() and not row.faults:
        row.fault("question", "is blank")
    entry_point = row.text("entry_point")
    if entry_point is not None and (problem := entry_point_fault(entry_point)):
        row.fault("entry_point", problem)
    tests: tuple[Test, ...] = ()
    if has_tests_field and not row.faults:
        entry_point, tests = read_tests_field(row)
    usual = TestKind.STDIN if entry_point is None else TestKind.CALL
    preamble, head = read_front(row)
    if not has_tests_field:
        tests = read_tests(row, "test", usual, None)
    if not tests and not row.faults:
        row.fault("test_input", "has no test; a task without ground-truth tests has no reward")
    examples = read_tests(row, "example", usual, None)
    checker, checker_program = _checker(row, usual)
    _check_method(row, usual)
    task_id = read_id(row, default_id)
    time_limit = row.number("test_time_limit", 1.0, 0.0, MAX_SECONDS)
    memory = row.number("memory_limit", 256, 0, 1 << 20)
    solutions = row.texts("solutions")
    validator, difficulty = row.text("validator"), read_label(row, "difficulty")
    if validator is not None and entry_point is not None:
        row.fault("validator", "reads standard input, which a function task lacks; remove it")
    if row.faults:
        return None, row.faults
    return (
        Task(
            id=task_id,
            statement=statement,
            tests=tests[:max_tests],
            examples=examples,
            time_limit=time_limit,
            memory_limit=max(1, round(memory)),
            checker=checker,
            checker_program=checker_program,
            solutions=solutions,
            validator=validator,
            difficulty=difficulty,
            source=source,
            entry_point=entry_point,
            preamble=preamble,
            head=head,
        ),
        [],
    )


def read_front(row: TaskRow) -> tuple[str | None, str]:
    """Return the preamble's name and the head of a row; faults are noted in ``row``."""
    preamble, head = row.text("preamble"), row.text("head", "") or ""
    if preamble is not None and (fault := preamble_fault(preamble)):
        row.fault("preamble", fault)
    if head and not is_python(head):
        row.fault("head", "is not Python; give the source that stands before every program")
    return preamble, head


def entry_point_fault(name: str) -> str | None:
    """Return the fault of a name of a function or ``Class.method``; None for a valid name."""
    parts = name.split(".")
    if len(parts) <= 2 and all(p.isidentifier() and not keyword.iskeyword(p) for p in parts):
        return None
    return f"{name[:80]!r} is neither a function's name nor Class.method"


def read_id(row: TaskRow, default: str) -> str:
    """Return the task's id as text; ``default`` if the id is missing, or a fault is noted."""
    task_id = row.data.get("task_id")
    if task_id is None:
        return default
    if isinstance(task_id, bool) or not isinstance(task_id, (str, int)) or task_id == "":
        row.fault("task_id", f"must be a non-empty string or an integer, not {named_kind(task_id)}")
        return default
    try:
        text = str(task_id)
    except ValueError:  # an integer of thousands of digits
        row.fault("task_id", "is too long a number")
        return default
    if not is_text(text):
        row.fault("task_id", "holds half a surrogate pair, which is not text")
    return text


def _checker(row: TaskRow, usual: TestKind) -> tuple[str, str | None]:
    """Return the task's rule, and its checker program if the row has one."""
    default = "tokens" if usual is TestKind.STDIN else "value"
    checker = row.text("checker", default) or default
    program = row.text("checker_program")
    try:
        parsed = parse_checker(checker)
    except ValueError as error:
        row.fault("checker", str(error))
        return checker, program
    if parsed.of_calls and usual is TestKind.STDIN:
        row.fault("checker", f"{checker!r} compares values of calls; this task prints text")
    if not parsed.of_calls and usual is TestKind.CALL:
        row.fault("checker", f"{checker!r} compares printed text; a function task has values")
    if (parsed.rule is CheckerRule.PROGRAM) != (program is not None):
        row.fault("checker_program", 'needs checker "program", and that checker needs a program')
    return checker, program


def _check_method(row: TaskRow, usual: TestKind) -> None:
    """Note a fault if ``exe_method`` contradicts ``entry_point``, which decides how tests run."""
    default = "stdin" if usual is TestKind.STDIN else FUNCTION
    method = row.text("exe_method", default) or default
    if method == default:
        return
    if usual is TestKind.STDIN:
        row.fault("exe_method", f"{method!r} needs entry_point; without one there is only stdin")
    else:
        row.fault("exe_method", f"{method!r} contradicts entry_point; leave it out")


def read_label(row: TaskRow, name: str) -> str | None:
    """Return a label: a text, or a whole number as text; None if missing. A number of more than 40
    digits is a fault: no label has so many, and Python refuses to write out the longest ones."""
    value = row.data.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= _LONGEST_LABEL:
            row.fault(name, "is a number of more than 40 digits; give a text")
            return None
        return str(value)
    return row.text(name)
