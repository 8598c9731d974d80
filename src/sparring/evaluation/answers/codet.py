"""CodeT's rules for reading a language model's continuations (arXiv 2207.10397 and its code).

A program ends where another definition, comment, ``if`` or ``print`` begins at the margin. A test
sample continues the word ``assert``. The sample is split at every further ``assert``; each part is
cut like a program, and counts if it names the function and is valid Python. The first five parts of
a sample count.
"""

from __future__ import annotations

import ast
import builtins
import re

from sparring.prompts.rules import ParsedTest
from sparring.prompts.source import compiles
from sparring.schema import ParseFailure, Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest

PER_SAMPLE = 5
"""Most tests that are taken from one sample."""
_LAZY = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.comprehension, ast.NamedExpr)
"""Expressions that Python may leave without reaching all their parts."""
_NEW = re.compile(r"\n(?:class|def|#|if|print)")


def cut(text: str) -> str:
    """Cut a continuation where something new begins at the margin."""
    return _NEW.split(text, maxsplit=1)[0] + "\n"


def tests_of(sample: str, entry_point: str, head: str) -> list[ParsedTest]:
    """Return each assertion of a sample as a test, or one refusal if the sample has none.

    An assertion that is no call with constant arguments, such as ``decode(encode("a")) == "a"``,
    becomes a script behind the ``head`` of the task's statement: its imports, helpers and
    constants. An assertion that needs an undefined name is refused.
    """
    parts = [cut(f"assert {part}").strip() for part in sample.split("assert ")]
    texts = [t for t in parts if entry_point in t and compiles(t)][:PER_SAMPLE]
    tests = [_test(text, entry_point, head) for text in texts]
    if tests:
        return tests
    return [ParsedTest(None, ParseFailure.NO_ASSERTION, seen=sample.strip()[:80])]


def _test(text: str, entry_point: str, head: str) -> ParsedTest:
    body = ast.parse(text).body
    node = body[0] if len(body) == 1 else None
    calls = parse_asserts(text, [entry_point]) if isinstance(node, ast.Assert) else []
    if len(calls) == 1 and isinstance(call := calls[0], CallTest):
        checker = None if call.checker == CheckerRule.VALUE else call.checker
        return ParsedTest(Test(call.input, call.output, TestKind.CALL, checker))
    if isinstance(node, ast.Assert) and _lacks(node.test, {entry_point, *names_of(head)}):
        return ParsedTest(None, ParseFailure.NOT_A_CALL, seen=text[:80])
    return ParsedTest(Test(f"{head}{text}\n", "", TestKind.SCRIPT))


def head_of(statement: str, entry_point: str) -> str:
    """Return the statements before the function of a task's Python statement, as whole lines.

    The result is empty where nothing stands before the function or the statement is no Python.
    """
    source = next((s for s in (statement, f"{statement}\n    pass\n") if compiles(s)), "")
    head: list[ast.stmt] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            return "".join(f"{ast.unparse(n)}\n" for n in head)
        head.append(node)
    return ""


def names_of(head: str) -> set[str]:
    """Return the names that the statements of a head bind."""
    names: set[str] = set()
    for node in ast.parse(head).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {a.asname or a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.Assign):
            names |= {
                n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)
            }
    return names


def _lacks(test: ast.expr, defined: set[str]) -> bool:
    """Return whether an assertion needs an undefined name and so holds for no program.

    ``assert ____ == f(1)`` is such an assertion. An assertion that may skip a part of itself, such
    as one with ``or``, might never reach the name; for such an assertion the result is False.
    """
    parts = list(ast.walk(test))
    if any(isinstance(p, _LAZY) or (isinstance(p, ast.Compare) and len(p.ops) > 1) for p in parts):
        return False
    names = {p.id for p in parts if isinstance(p, ast.Name)}
    return not names <= {*defined, *dir(builtins)}
