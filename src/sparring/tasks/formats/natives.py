"""Rows of HumanEval and MBPP, in their own columns, as function tasks.

- HumanEval: ``prompt`` (a head and a docstring), ``entry_point``, ``canonical_solution`` (the
  body), ``test`` (assertions, mostly inside a function ``check``).
- MBPP: ``text`` or ``prompt``, ``code``, ``test_list``; optional are ``challenge_test_list``,
  ``test_imports`` and ``test_setup_code``. A challenge test counts as any other test.
- EvalPlus on the hub: HumanEval's shape, and MBPP's with a stronger ``test``, which replaces
  ``test_list``. A suite that imports numpy only to compare runs without numpy (`without_numpy`).
- `suites` turns the assertions into tests.
- Other columns are ignored, unless the name is close to one above: then it is a fault.
- Nothing is executed here, so that a reference solution may still fail its own tests.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sparring.schema import Task, Test
from sparring.tasks.rows.column_hints import columns_hint
from sparring.tasks.rows.fields import MAX_SECONDS, entry_point_fault, read_id, read_label
from sparring.tasks.rows.heads import head_of
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed, read_suite
from sparring.tasks.suites.without_numpy import without_numpy

SECONDS = 3.0
"""CPU seconds of an execution, if the row has no limit: HumanEval's limit for a whole suite."""
_HUMANEVAL = ("prompt", "entry_point", "canonical_solution", "test")
_MBPP = ("text", "prompt", "code", "test_list")
_MBPP_MORE = ("test", "challenge_test_list", "test_imports", "test_setup_code")
_OURS = ("task_id", "test_time_limit", "memory_limit", "difficulty")
_REFUSED = ("validator", "checker", "checker_program", "exe_method")


def is_native(data: object) -> bool:
    """Return True if a row has HumanEval's or MBPP's shape, by its fields."""
    if not isinstance(data, Mapping) or "question" in data:
        return False
    return "test_list" in data or ("entry_point" in data and ("prompt" in data or "test" in data))


def read_native(
    data: Mapping[str, Any], default_id: str, source: str, max_tests: int | None
) -> tuple[Task | None, list[tuple[str, str]]]:
    """Return the task of a row, or None and the row's faults as (field, fault)."""
    row = TaskRow(data)
    _refuse_slips(row)
    parts = _mbpp(row) if "test_list" in data else _humaneval(row)
    task_id = read_id(row, default_id)
    time_limit = row.number("test_time_limit", SECONDS, 0.0, MAX_SECONDS)
    memory = row.number("memory_limit", 256, 0, 1 << 20)
    difficulty = read_label(row, "difficulty")
    if row.faults or parts is None:
        return None, row.faults
    statement, entry_point, tests, solutions = parts
    return (
        Task(
            id=task_id,
            statement=statement,
            tests=tests[:max_tests],
            time_limit=time_limit,
            memory_limit=max(1, round(memory)),
            checker="value",
            solutions=solutions,
            difficulty=difficulty,
            source=source,
            entry_point=entry_point,
            head="" if "test_list" in data else head_of(statement, entry_point),
        ),
        [],
    )


_Parts = tuple[str, str, tuple[Test, ...], tuple[str, ...]]
"""Statement, entry point, tests, reference solutions."""


def _humaneval(row: TaskRow) -> _Parts | None:
    for name in ("prompt", "entry_point", "test"):
        _require(row, name)
    prompt, entry_point = row.text("prompt", "") or "", row.text("entry_point", "") or ""
    entry_point = entry_point.strip()  # some rows of MBPP have a space after it
    entry_point = re.sub(r"\A(\w+)\(\)\.", r"\1.", entry_point)  # LeetCode's `Solution().f`
    suite, body = row.text("test", "") or "", row.text("canonical_solution")
    if row.faults:
        return None
    if fault := entry_point_fault(entry_point):
        row.fault("entry_point", fault)
    # Some releases hide their solutions behind a blank body.
    solution = _joined_source(prompt, body) if body is not None and body.strip() else None
    solutions = (solution,) if solution is not None else ()
    program = parsed(solution) if solution is not None else parsed(f"{prompt}\n    pass\n")
    tests = read_suite(row, "test", [without_numpy(suite)], entry_point, program)
    return (prompt, entry_point, tests, solutions) if tests else None


def _mbpp(row: TaskRow) -> _Parts | None:
    text_field = "text" if row.data.get("text") is not None else "prompt"
    _require(row, text_field)
    text, code = row.text(text_field, "") or "", row.text("code")
    tests = [*row.texts("test_list"), *row.texts("challenge_test_list")]
    imports, setup = row.texts("test_imports"), row.text("test_setup_code", "") or ""
    if not tests and not row.faults:
        row.fault("test_list", "has no test; a task without ground-truth tests has no reward")
    if row.faults:
        return None
    tree = parsed(code) if code is not None else None
    if code is not None and tree is None:
        row.fault("code", "is not Python")
        return None
    asserted = parsed("\n".join(tests))
    if asserted is None:
        row.fault("test_list", "is not Python")
        return None
    function = _tested(asserted, tree)
    if function is None:
        defined = "that code defines" if code is not None else "by its name"
        row.fault("test_list", f"no assertion calls a function {defined}")
        return None
    name, signature = function
    stronger = row.text("test") or ""
    if stronger.strip():
        suite = without_numpy(stronger)
        cases = read_suite(row, "test", [*imports, setup, suite], name, tree)
    else:
        cases = read_suite(row, "test_list", [*imports, setup, *tests], name, tree)
    statement = f"{text.strip()}\n\nThe function: `{signature}`"
    return (statement, name, cases, (code,) if code else ()) if cases else None


def _tested(tests: ast.Module, code: ast.Module | None) -> tuple[str, str] | None:
    """Return the function that the assertions test, with its signature if the code has one.

    It is the outermost called function that the code defines: ``f`` in
    ``assert set(f(x)) == {1}``. Without code, it is the first that neither Python nor the tests
    define.
    """
    signatures: dict[str, str] = {}
    for node in code.body if code else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            signatures[node.name] = f"{node.name}({ast.unparse(node.args)})"
        elif isinstance(node, ast.ClassDef):
            signatures[node.name] = node.name
        elif isinstance(node, ast.Assign):
            signatures |= {n.id: n.id for n in node.targets if isinstance(n, ast.Name)}
    defined = {name for node in tests.body for name in _defined(node)}
    for name in _called(tests):
        if code is None and name not in defined and not hasattr(builtins, name):
            return name, name
        if name in signatures:
            return name, signatures[name]
    for name in _mentioned(tests):  # `check(f)`, `solution.f(1)`, `from solution import f as g`
        if name in signatures:
            return name, signatures[name]
    return None


def _called(tests: ast.Module) -> Iterator[str]:
    for node in tests.body:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                yield part.func.id


def _mentioned(tests: ast.Module) -> Iterator[str]:
    for part in ast.walk(tests):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.alias):
            yield part.name


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    return []


def _joined_source(prompt: str, body: str) -> str:
    """Return head and body as one source.

    If the body's indentation differs from the docstring's, which is not valid Python, the body
    replaces the docstring.
    """
    if parsed(prompt + body) is None and (head := parsed(f"{prompt}\n    pass\n")) is not None:
        last = head.body[-1]
        if isinstance(last, ast.FunctionDef):
            lines = prompt.splitlines(keepends=True)
            return "".join(lines[: last.body[0].lineno - 1]) + body
    return prompt + body


def _require(row: TaskRow, name: str) -> None:
    value = row.data.get(name)
    if value is None:
        row.fault(name, f"is missing; {columns_hint(row.data)}")
    elif isinstance(value, str) and not value.strip():
        row.fault(name, "is blank")


def _refuse_slips(row: TaskRow) -> None:
    """Note faults for fields that these rows cannot have, and for names close to a right one."""
    known = (*_HUMANEVAL, *_MBPP, *_MBPP_MORE, *_OURS)
    for name in row.data:
        if name in _REFUSED and row.data[name] is not None:
            row.fault(name, "is not for rows of HumanEval's and MBPP's shapes; remove it")
        elif name not in known:
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.85)
            if close and close[0] not in row.data:
                shown = str(name) if str(name).isprintable() else repr(name)
                row.fault(shown, f"is not a known field; did you mean {close[0]}?")
