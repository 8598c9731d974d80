"""Function tasks (HumanEval, MBPP) as programs on standard input.

A function is called with the arguments that standard input holds, one Python
literal per line, and the `repr` of its value is what has to be printed. Only
assertions of the form ``f(literals) == literal`` become tests; what cannot be
turned is named, never guessed.

Two shapes of rows are read: HumanEval's (`prompt`, `entry_point`,
`canonical_solution`, `test` with a function ``check``) and MBPP's (`text` or
`prompt`, `code`, `test_list`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.schema import Task, Test

_CALLER = """
import ast as _ast, sys as _sys
print(repr({name}(*[_ast.literal_eval(line) for line in _sys.stdin.read().splitlines() if line])))
"""
_ASK = """\
{statement}

Write it as a whole program: read the {count} of `{name}` from standard input, one Python literal \
per line in their order, and print the `repr` of the value."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A task, or the reason why a row gave none. ``left_out`` assertions could not be turned."""

    id: str
    task: Task | None
    reason: str | None = None
    left_out: int = 0


def convert_row(row: Mapping[str, Any], number: int) -> Converted:
    """One row of either shape. Its tests still have to be confirmed by running the solution."""
    name = str(row.get("task_id", f"row-{number}"))
    if "entry_point" in row:
        parts = [row.get(k) for k in ("prompt", "entry_point", "canonical_solution", "test")]
        if not all(isinstance(p, str) for p in parts):
            return Converted(name, None, "prompt, entry_point, canonical_solution, test: not text")
        prompt, function, solution, test = (str(p) for p in parts)
        return _convert(
            name, _docstring(prompt, function), function, _whole(prompt, function, solution), [test]
        )
    text, code, tests = row.get("text", row.get("prompt")), row.get("code"), row.get("test_list")
    if not (isinstance(text, str) and isinstance(code, str) and isinstance(tests, list)):
        return Converted(name, None, "neither HumanEval's nor MBPP's fields")
    called = _called(tests)
    if called is None:
        return Converted(name, None, "test_list: no assertion calls a function")
    return _convert(name, text, called, code, [str(t) for t in tests])


def _convert(
    name: str, statement: str, function: str, solution: str, tests: Sequence[str]
) -> Converted:
    found: list[Test] = []
    left_out = 0
    counts = set()
    for source in tests:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Converted(name, None, "its tests are not Python")
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                turned = _turn(node.test, {function, "candidate"})
                if turned is None:
                    left_out += 1
                    continue
                arguments, value = turned
                counts.add(len(arguments))
                test = Test("".join(f"{a!r}\n" for a in arguments), f"{value!r}\n")
                if test not in found:
                    found.append(test)
    if not found:
        return Converted(name, None, "no assertion of the form f(literals) == literal", left_out)
    count = counts.pop() if len(counts) == 1 else 0
    asked = f"{count} argument{'s' * (count != 1)}" if count else "arguments"
    task = Task(
        id=name,
        statement=_ASK.format(statement=statement.strip(), count=asked, name=function),
        tests=tuple(found),
        time_limit=2.0,
        checker="lines",
        solutions=(solution + _CALLER.format(name=function),),
    )
    return Converted(name, task, None, left_out)


def _turn(node: ast.expr, names: set[str]) -> tuple[list[Any], Any] | None:
    """Arguments and value of ``f(literals) == literal``; of a bare call the value is True, of a
    negated one False."""
    value: Any
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        call, value = node.operand, ast.Constant(False)
    elif (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], (ast.Eq, ast.Is))
    ):
        call, value = node.left, node.comparators[0]
    else:
        call, value = node, ast.Constant(True)
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if call.func.id not in names or call.keywords:
        return None
    try:
        return [ast.literal_eval(a) for a in call.args], ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _definition(prompt: str, function: str) -> ast.FunctionDef | None:
    """The head of a function that a prompt leaves without a body."""
    try:
        tree = ast.parse(prompt + "\n    pass\n")
    except (SyntaxError, ValueError):
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function]
    return found[0] if found else None


def _docstring(prompt: str, function: str) -> str:
    """What the function is asked to do, with its signature; the whole prompt if that is unclear."""
    head = _definition(prompt, function)
    text = ast.get_docstring(head) if head else None
    if head is None or not text:
        return prompt
    return f"`{function}({', '.join(a.arg for a in head.args.args)})`: {text}"


def _whole(prompt: str, function: str, body: str) -> str:
    """Prompt and body as one source; without the docstring where its indentation is another."""
    head = _definition(prompt, function)
    try:
        ast.parse(prompt + body)
    except (SyntaxError, ValueError):
        if head is not None:
            lines = prompt.splitlines(keepends=True)
            return "".join(lines[: head.body[0].lineno - 1]) + body
    return prompt + body


def _called(tests: Sequence[Any]) -> str | None:
    """The function that MBPP's assertions call."""
    for source in tests:
        try:
            tree = ast.parse(str(source))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                for part in ast.walk(node):
                    if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                        return part.func.id
    return None
