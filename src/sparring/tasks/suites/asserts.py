"""Read ``assert f(x) == y``, as language models and data sets write it, as a call test.

- `expressions` decides which assertions can be read. Nothing is executed.
- An assertion that cannot be read is returned with the reason; a script may still run it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.tasks.suites.called import CallTest as CallTest
from sparring.tasks.suites.called import NameMeanings
from sparring.tasks.suites.constants import NotConstant
from sparring.tasks.suites.expressions import call_test

_PATIENT_TRIES = 50
"""Number of tries that cut off one line each; later tries cut off half of the text."""


@dataclass(frozen=True, slots=True)
class NotACall:
    """An assertion that cannot be read as a call test, and the reason."""

    source: str
    reason: str


def parse_asserts(source: str, names: Sequence[str]) -> list[CallTest | NotACall]:
    """Return every assertion of ``source``, in order; ``names`` are the function's names.

    - A source that is cut off is read up to its last whole statement; the rest is one `NotACall`.
    - Assertions inside functions count.
    - An assertion inside a loop or a branch becomes a `NotACall`, because its meaning depends on
      the execution.
    """
    tree, rest = parse_beginning(source)
    meanings = NameMeanings(frozenset(names))
    assertions: list[CallTest | NotACall] = []
    for node, nested in _assertions(tree.body):
        text = assertion_text(node)
        if nested:
            assertions.append(NotACall(text, "inside a loop or a branch"))
            continue
        try:
            assertions.append(call_test(node.test, meanings))
        except NotConstant as error:
            assertions.append(NotACall(text, str(error)))
        except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
            assertions.append(NotACall(text, f"{type(error).__name__}: {error}"))
    if rest.strip():
        assertions.append(NotACall(rest, "not Python, or cut off"))
    return assertions


def parse_beginning(source: str) -> tuple[ast.Module, str]:
    """Return the tree of the first lines of a source that parse as Python, and the remaining text.

    As many lines as possible are taken, unless many tries fail. Then each further try cuts off half
    of the lines that are left.
    """
    lines = source.splitlines(keepends=True)
    end, tries = len(lines), 0
    while end > 0:
        tries += 1
        # Cutting off one line at a time would take hours for a long text.
        least = 1 if tries <= _PATIENT_TRIES else (end + 1) // 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return ast.parse("".join(lines[:end])), "".join(lines[end:])
            except SyntaxError as error:
                # The fault is at this line or above, so that cuts below this line are skipped.
                end = min(end - least, max((error.lineno or end) - 1, 0))
            except (ValueError, RecursionError, MemoryError):
                end -= least
    return ast.Module([], []), source


def _assertions(body: Sequence[ast.stmt]) -> list[tuple[ast.Assert, bool]]:
    """Return each assertion, in order, and True if it stands in a loop or a branch."""
    assertions: list[tuple[ast.Assert, bool]] = []
    # An explicit stack: a long chain of `elif` is as deep as it is long.
    waiting = [(node, False) for node in reversed(body)]
    while waiting:
        node, nested = waiting.pop()
        if isinstance(node, ast.Assert):
            assertions.append((node, nested))
            continue
        inside: list[ast.stmt] = []
        for part in (node, *getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for name in ("body", "orelse", "finalbody"):
                inside += getattr(part, name, [])
        branch = nested or not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        waiting += [(inner, branch) for inner in reversed(inside)]
    return assertions


def assertion_text(node: ast.stmt) -> str:
    """Return the source of an assertion, for people."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        return f"the assertion at line {node.lineno}"
