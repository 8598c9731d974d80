"""Read tests as people write them down: the field ``tests`` of a row.

    {"question": …, "entry_point": "double", "tests": ["assert double(2) == 4"]}
    {"question": …, "tests": [{"input": "2\\n", "output": "4\\n"}]}

- Assertions, one text of Python or a list of texts, are a suite on one function (`suites`). The
  suite becomes call tests if every assertion can be a call, otherwise one script.
- Objects with an input and an output are tests of programs.
- Without ``entry_point`` the function is the only one that the assertions call.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence

from sparring.schema import Test, TestKind
from sparring.tasks.rows.column_hints import guess_columns
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import Noting, parsed, read_suite
from sparring.testnames import seems_programs
from sparring.text import in_line


def read_tests_field(row: TaskRow) -> tuple[str | None, tuple[Test, ...]]:
    """Return the function that a row's tests call (None for programs) and the tests.

    With a fault noted in ``row``, no tests are returned.
    """
    cell = row.data["tests"]
    if isinstance(cell, (list, tuple)) and cell and all(isinstance(t, Mapping) for t in cell):
        if row.data.get("entry_point") is not None:
            row.fault("tests", 'must be assertions for a function, such as "assert f(1) == 2"')
            return None, ()
        return None, tuple(_printed(row, cell))
    if isinstance(cell, str):
        parts: tuple[str, ...] = (row.text("tests") or "",)
    elif isinstance(cell, (list, tuple)) and all(isinstance(t, str) for t in cell):
        parts = row.texts("tests")
    else:
        row.fault("tests", "must be assertions (a text or a list of texts) or a list of "
                  '{"input": …, "output": …}')  # fmt: skip
        return None, ()
    if not row.faults and not any(part.strip() for part in parts):
        row.fault("tests", "has no test; a task without ground-truth tests has no reward")
    if row.faults:
        return None, ()
    return _suite(row, parts)


def _printed(row: TaskRow, cases: Sequence[Mapping[str, object]]) -> Iterator[Test]:
    for i, case in enumerate(cases):
        texts = [case.get(name) for name in ("input", "output")]
        if case.keys() != {"input", "output"} or not all(isinstance(t, str) for t in texts):
            names = in_line(", ".join(map(str, case)), 80) or "nothing"
            fault = f"item {i} has {names}; give input and output, both texts, and no more"
            row.fault("tests", f"{fault}{_map(row)}")
            return
        input_, output = map(str, texts)
        try:
            (input_ + output).encode("utf-8")
        except UnicodeEncodeError:
            row.fault("tests", f"item {i} holds half a surrogate pair, which is not text")
            return
        yield Test(input_, output)


def _map(row: TaskRow) -> str:
    """Return a ``--map`` that may be meant, if the tests have other names inside."""
    paths = guess_columns({"tests": row.data["tests"]})
    return f" (--map {','.join(f'{k}={v}' for k, v in paths.items())})" if paths else ""


def _suite(row: TaskRow, parts: Sequence[str]) -> tuple[str | None, tuple[Test, ...]]:
    trees = [parsed(part) for part in parts]
    suite_tree = parsed("\n".join(parts))
    if suite_tree is None:
        bad = next((i for i, tree in enumerate(trees) if tree is None), None)
        row.fault("tests", "is not Python" if bad is None else f"item {bad} is not Python")
        return None, ()
    solution = next(iter(row.texts("solutions")), None)
    program = parsed(solution) if solution is not None else None
    entry_point = row.text("entry_point")
    if entry_point is None:
        names = tested_functions(suite_tree, program)
        if len(names) != 1:
            calls_text = f"call {', '.join(names)}" if names else "call no function by its name"
            row.fault("entry_point", f"is missing, and the tests {calls_text}; name the function")
            return None, ()
        entry_point = names[0]
    return entry_point, suite_tests(row, parts, entry_point, program)


def suite_tests(
    row: Noting, parts: Sequence[str], entry_point: str, program: ast.Module | None
) -> tuple[Test, ...]:
    """Return the tests of a suite on a function or on a method (``Class.method``), whose calls are
    written ``Class().method(…)``; none, with a fault noted."""
    if "." not in entry_point:
        return read_suite(row, "tests", parts, entry_point, program)
    # Call tests name a method Class.method; a script names the method alone.
    dotted = ast.parse(entry_point, mode="eval").body
    renamed = [_renamed(part, entry_point, dotted) for part in parts]
    tests = read_suite(row, "tests", renamed, entry_point, program)
    if any(test.kind is TestKind.SCRIPT for test in tests):
        bare = ast.Name(entry_point.partition(".")[2], ast.Load())
        renamed = [_renamed(part, entry_point, bare) for part in parts]
        tests = read_suite(row, "tests", renamed, entry_point, program)
    return tests


def tested_functions(tests: ast.Module, program: ast.Module | None) -> list[str]:
    """Return the functions that the tests may be about.

    Such a function is called, and neither the tests nor an import nor Python defines it. A call
    of ``Class().method`` counts as ``Class.method``.
    """
    nodes = list(ast.walk(tests))
    defined = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    defined |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    defined |= {n.arg for n in nodes if isinstance(n, ast.arg)} | set(dir(builtins))
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not _of_program(node):
            defined |= {a.asname or a.name.partition(".")[0] for a in node.names}
    called = [n.func for n in nodes if isinstance(n, ast.Call)]
    methods = [name for func in called if (name := _method(func))]
    classes = {name.partition(".")[0] for name in methods}
    names = [f.id for f in called if isinstance(f, ast.Name) and f.id not in classes]
    names = list(dict.fromkeys(n for n in names + methods if n.partition(".")[0] not in defined))
    if program is not None and len(names) > 1:
        definitions = {
            n.name for n in program.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))
        }
        return [name for name in names if name.partition(".")[0] in definitions]
    return names


def _of_program(node: ast.stmt) -> bool:
    """Return True if an import takes the program under test: ``from solution import f``."""
    return isinstance(node, ast.ImportFrom) and seems_programs(node.module or "")


def _method(func: ast.expr) -> str | None:
    """Return ``Class.method`` for a call of ``Class().method``; None for any other call."""
    if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Call):
        return None
    new = func.value
    plain = isinstance(new.func, ast.Name) and not new.args and not new.keywords
    return f"{new.func.id}.{func.attr}" if plain else None  # type: ignore[attr-defined]


def _renamed(part: str, entry_point: str, name: ast.expr) -> str:
    """Return a part of a suite in which ``name`` replaces each ``Class().method`` called."""
    tree = parsed(part)
    if tree is None:
        return part
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _method(n.func)]
    matches = [n for n in calls if _method(n.func) == entry_point]
    for node in matches:
        node.func = name
    return ast.unparse(tree) if matches else part
