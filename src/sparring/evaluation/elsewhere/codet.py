"""CodeT's way of reading what a language model goes on writing (arXiv 2207.10397, and its code).

A program ends where something new begins at the margin. A test sample follows ``assert``: split at
every further ``assert``, cut like a program, kept where it names the function and is Python. The
first five of a sample count.
"""

from __future__ import annotations

import ast
import builtins
import re

from sparring.prompts.rules import ParsedTest
from sparring.prompts.source import compiles
from sparring.schema import Kind, ParseFailure, Test
from sparring.tasks.checkers.checker import Rule
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest

PER_SAMPLE = 5
_LAZY = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.comprehension, ast.NamedExpr)
_NEW = re.compile(r"\n(?:class|def|#|if|print)")


def cut(text: str) -> str:
    """A continuation of a prompt without what is none any more."""
    return _NEW.split(text, maxsplit=1)[0] + "\n"


def tests_of(sample: str, entry_point: str, head: str) -> list[ParsedTest]:
    """The assertions of a sample as tests, each by itself; one refusal where there is none.

    An assertion that is no call of constants is run as a script, behind the ``head`` of the task's
    statement: its imports, helpers and constants (``decode(encode("a")) == "a"``). One that needs a
    name which nobody gives is refused.
    """
    parts = [cut(f"assert {part}").strip() for part in sample.split("assert ")]
    texts = [t for t in parts if entry_point in t and compiles(t)][:PER_SAMPLE]
    found = [_test(text, entry_point, head) for text in texts]
    if found:
        return found
    return [ParsedTest(None, ParseFailure.NO_ASSERTION, seen=sample.strip()[:80])]


def _test(text: str, entry_point: str, head: str) -> ParsedTest:
    body = ast.parse(text).body
    node = body[0] if len(body) == 1 else None
    read = parse_asserts(text, [entry_point]) if isinstance(node, ast.Assert) else []
    if len(read) == 1 and isinstance(call := read[0], CallTest):
        own = None if call.checker == Rule.VALUE else call.checker
        return ParsedTest(Test(call.input, call.output, Kind.CALL, own))
    if isinstance(node, ast.Assert) and _lacks(node.test, {entry_point, *names_of(head)}):
        return ParsedTest(None, ParseFailure.NOT_A_CALL, seen=text[:80])
    return ParsedTest(Test(f"{head}{text}\n", "", Kind.SCRIPT))


def head_of(statement: str, entry_point: str) -> str:
    """What stands in a statement before its function, if it is Python: empty, or whole lines."""
    source = next((s for s in (statement, f"{statement}\n    pass\n") if compiles(s)), "")
    before: list[ast.stmt] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            return "".join(f"{ast.unparse(n)}\n" for n in before)
        before.append(node)
    return ""


def names_of(head: str) -> set[str]:
    """The names that the lines of a head bind."""
    found: set[str] = set()
    for node in ast.parse(head).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {a.asname or a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.Assign):
            found |= {
                n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)
            }
    return found


def _lacks(test: ast.expr, given: set[str]) -> bool:
    """Whether an assertion needs a name that there is not (``assert ____ == f(1)``), so that it
    can hold for no program; not where a part of it may never be reached."""
    parts = list(ast.walk(test))
    if any(isinstance(p, _LAZY) or (isinstance(p, ast.Compare) and len(p.ops) > 1) for p in parts):
        return False
    names = {p.id for p in parts if isinstance(p, ast.Name)}
    return not names <= {*given, *dir(builtins)}
