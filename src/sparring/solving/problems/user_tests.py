"""Binding tests that the user gives: ``--tests FILE``.

- For a function the file is Python: assertions, functions ``test…`` as pytest runs them, or
  `unittest` cases. Each becomes a test of its own, with the imports, helpers and constants of the
  file before it. Imports of the function from the module under test name the program (`suites`).
- For a whole program the file is JSON or JSONL: objects with ``input`` and ``output``.
- A file of which some part cannot be used is refused with the line of that part. No test is left
  out.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.errors import DataError
from sparring.schema import Test
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.rows.tests_field import suite_tests, tested_functions
from sparring.tasks.suites.reached import reached
from sparring.tasks.suites.runnable import suite_fault
from sparring.tasks.suites.statements import stored_names
from sparring.tasks.suites.suite import parsed
from sparring.testnames import tested_names

_PROGRAMS = (".json", ".jsonl")
_PYTHON_NEEDED = (
    "the problem asks for a whole program; give its tests as JSON lines "
    '{"input": …, "output": …}, or name the function by --entry-point'
)


@dataclass(slots=True)
class _Faults:
    """Collector of the faults of a suite."""

    texts: list[str] = field(default_factory=list)

    def fault(self, name: str, text: str) -> None:
        """Note a fault."""
        self.texts.append(text)


def function_of_tests(path: Path) -> str | None:
    """Return the one function that a file of tests calls; None if it calls none or several.

    Raises `DataError` for a file that cannot be read.
    """
    if path.suffix.lower() in _PROGRAMS:
        return None
    names = tested_functions(_tree(path, _read(path)), None)
    return names[0] if len(names) == 1 else None


def user_tests(path: Path, signature: FunctionSignature | None) -> tuple[Test, ...]:
    """Return the tests of a file. Raises `DataError`, with the line, for what cannot be used."""
    text = _read(path)
    if path.suffix.lower() in _PROGRAMS:
        if signature is not None:
            raise DataError(
                f"--tests {path}: the problem asks for the function {signature.entry_point}; give "
                "Python with assertions"
            )
        return tuple(_printed(path, text))
    tree = _tree(path, text)
    if signature is None:
        raise DataError(f"--tests {path}: {_PYTHON_NEEDED}")
    head = parsed(signature.code) if signature.code else None
    parts = _parts(tree, signature) or [tree]
    tests: list[Test] = []
    for part in parts:
        faults = _Faults()
        read = suite_tests(faults, [ast.unparse(part)], signature.entry_point, head)
        if faults.texts or not read:
            reason = faults.texts[0] if faults.texts else "has no test"
            line = _line(tree, part if len(parts) > 1 else None, signature, head, reason)
            raise DataError(f"--tests {path}{line}: {reason}")
        tests += read
    return tuple(tests)


def _parts(tree: ast.Module, signature: FunctionSignature) -> list[ast.Module]:
    """Return a module for each asserting statement of a suite, with what all of them share before
    it; none if the statements depend on their order."""
    tested = tested_names(signature.entry_point)
    shared: list[ast.stmt] = []
    asserting: list[ast.stmt] = []
    for node in tree.body:
        if _is_main(node):
            continue
        alone = reached(ast.Module([*shared, node], []), tested).asserts
        if isinstance(node, (ast.Assert, ast.FunctionDef, ast.ClassDef)) and alone:
            asserting.append(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            shared.append(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and not _mentions(node, tested):
            shared.append(node)
        else:
            return []
    names = stored_names([*shared, *asserting])
    if len(asserting) < 2 or any(count > 1 for count in names.values()):
        return []
    if any(_changes(node, set(names)) for node in asserting):
        return []
    return [ast.Module([*shared, node], []) for node in asserting]


def _mentions(node: ast.stmt, tested: Sequence[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in tested for n in ast.walk(node))


def _changes(node: ast.stmt, names: set[str]) -> bool:
    """Return True if a statement changes what names of the module stand for: it says ``global``."""
    return any(isinstance(n, ast.Global) and {*n.names} & names for n in ast.walk(node))


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def _line(
    tree: ast.Module,
    part: ast.Module | None,
    signature: FunctionSignature,
    head: ast.Module | None,
    reason: str,
) -> str:
    """Return ``, line 7`` for the statement that a fault is about; "" if it is about them all."""
    if part is not None:
        return f", line {part.body[-1].lineno}"
    for number, node in enumerate(tree.body):
        alone = ast.Module([*tree.body[:number], node], [])
        if suite_fault(alone, signature.entry_point, head) == reason:
            return f", line {node.lineno}" if number or len(tree.body) == 1 else ""
    return ""


def _tree(path: Path, text: str) -> ast.Module:
    tree = parsed(text)
    if tree is not None:
        return tree
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise DataError(
            f"--tests {path}, line {error.lineno}: is not Python: {error.msg}"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"--tests {path}: is not Python: {error}") from None
    raise DataError(f"--tests {path}: is not Python")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"--tests {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"--tests {path}: is not UTF-8 text") from None


def _printed(path: Path, text: str) -> Iterator[Test]:
    count = 0
    for line, data in _objects(path, text):
        if (
            not isinstance(data, dict)
            or {*data} != {"input", "output"}
            or not all(isinstance(v, str) for v in data.values())
        ):
            raise DataError(
                f'--tests {path}{line}: is not an object with the texts "input" and "output"'
            )
        count += 1
        yield Test(data["input"], data["output"])
    if not count:
        raise DataError(f"--tests {path}: has no test")


def _objects(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Yield the objects of JSON (a list, or one object) or JSONL, each with its line."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                yield f", line {number}", json.loads(line)
            except (ValueError, RecursionError):
                raise DataError(f"--tests {path}, line {number}: is not JSON") from None
        return
    for number, data in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        yield f", item {number}", data
