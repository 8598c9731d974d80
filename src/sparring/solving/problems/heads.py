"""Heads of functions: Python whose functions have no body yet.

A body is missing where nothing, ``...``, ``pass`` or ``raise NotImplementedError`` stands behind
the signature and the docstring. A text that breaks off behind a signature is completed, so that
Python can parse it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from sparring.prompts.blocks import PYTHON, blocks, language
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.suites.asserts import parse_beginning
from sparring.tasks.suites.statements import is_text
from sparring.tasks.suites.suite import parsed

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BEGINS = re.compile(r"[ \t]*(?:class \w+.*:|(?:async )?def \w+\s*\(.*|@\w.*)[ \t]*\Z")
_LINE_OF_CODE = re.compile(
    r"[ \t]*(?:#|import \w|from [\w.]+ import|class \w+.*:|(?:async )?def \w+|@\w)"
)
_OPEN = re.compile(r"[ \t]*(?:class|def|async def)\b.*:[ \t]*(?:#.*)?\Z")
_MOST = 50
"""Most pieces of code of one text that are looked at."""


@dataclass(frozen=True, slots=True)
class PythonHeads:
    """Functions of a piece of Python: those without a body, and the names of the others."""

    unfinished: tuple[FunctionSignature, ...] = ()
    finished: tuple[str, ...] = ()


def heads_of(source: str) -> PythonHeads | None:
    """Return the functions of a text that is Python, completed where it breaks off; None for any
    other text, and for Python without a function."""
    tree = completed(source)
    if tree is None:
        return None
    unfinished: list[FunctionSignature] = []
    finished: list[str] = []
    for node in tree.body:
        if isinstance(node, _Function):
            functions = [("", node)]
        elif isinstance(node, ast.ClassDef):
            functions = [(f"{node.name}.", n) for n in node.body if isinstance(n, _Function)]
        else:
            continue
        for prefix, function in functions:
            if _is_unfinished(function):
                unfinished.append(_signature(prefix, function, source))
            else:
                finished.append(prefix + function.name)
    if not unfinished and not finished:
        return None
    return PythonHeads(tuple(unfinished), tuple(finished))


def code_of(text: str) -> Iterator[str]:
    """Yield the pieces of Python in a text that may hold heads: fenced blocks, then runs of lines
    outside of them."""
    lines = text.split("\n")
    fenced = blocks(lines)
    inside = {i for b in fenced for i in range(b.start, len(lines) if b.end is None else b.end + 1)}
    count = 0
    for block in fenced:
        if (language(block.info) in PYTHON or not block.info) and count < _MOST:
            count += 1
            yield "\n".join(block.lines) + "\n"
    at = 0
    while at < len(lines) and count < _MOST:
        if at in inside or not _BEGINS.match(lines[at]):
            at += 1
            continue
        start = at
        while start and start - 1 not in inside and _LINE_OF_CODE.match(lines[start - 1]):
            start -= 1
        end = min((i for i in inside if i > at), default=len(lines))
        piece = _beginning("\n".join(lines[start:end]))
        count += 1
        yield piece
        at = max(start + piece.count("\n"), at + 1)


def completed(source: str) -> ast.Module | None:
    """Return the tree of a source. A function or class that breaks off behind its first lines gets
    a body. None for a text that is not Python."""
    source = textwrap.dedent(source.expandtabs(4)).rstrip()
    for text in (source + "\n", _with_bodies(source)):
        tree = parsed(text)
        if tree is not None:
            return tree
    return None


def _with_bodies(source: str) -> str:
    """Return a source in which each line that opens a function or class without a body is followed
    by one."""
    with_bodies: list[str] = []
    following: str | None = None
    for line in reversed(source.split("\n")):
        if _OPEN.match(line) and (following is None or _indent(following) <= _indent(line)):
            with_bodies.append(" " * (_indent(line) + 4) + "...")
        with_bodies.append(line)
        if line.strip() and not _is_remark(line):
            following = line
    return "\n".join(reversed(with_bodies)) + "\n"


def _beginning(text: str) -> str:
    """Return the first lines of a text that are Python, completed."""
    text = _with_bodies(textwrap.dedent(text.expandtabs(4)).rstrip())
    _, rest = parse_beginning(text)
    return text[: len(text) - len(rest)] if rest else text


def _is_remark(line: str) -> bool:
    return line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_unfinished(node: _Function) -> bool:
    """Return True if nothing but a docstring and a placeholder is the body."""
    return all(_is_placeholder(statement) for statement in node.body)


def _is_placeholder(node: ast.stmt) -> bool:
    if is_text(node) or isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(node, ast.Return) and node.value is None


def _signature(prefix: str, node: _Function, code: str) -> FunctionSignature:
    arguments = node.args
    is_static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
    if prefix and not is_static and (arguments.posonlyargs or arguments.args):
        arguments = _without_self(arguments)
    returns = ast.unparse(node.returns) if node.returns else ""
    return FunctionSignature(prefix + node.name, arguments, returns, code)


def _without_self(a: ast.arguments) -> ast.arguments:
    positional = a.posonlyargs[1:] if a.posonlyargs else []
    args = a.args if a.posonlyargs else a.args[1:]
    return ast.arguments(
        positional, args, a.vararg, a.kwonlyargs, a.kw_defaults, a.kwarg, a.defaults
    )
