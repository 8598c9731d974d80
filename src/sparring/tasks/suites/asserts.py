"""``assert f(x) == y``, as language models and data sets write it, as a call test.

What an assertion may say is `expressions`' business. Nothing is executed. What is not understood is
returned with its reason: it may still be run as a script.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.tasks.suites.called import CallTest as CallTest
from sparring.tasks.suites.called import Names
from sparring.tasks.suites.constants import NotConstant
from sparring.tasks.suites.expressions import call_test

_PATIENT_TRIES = 50


@dataclass(frozen=True, slots=True)
class NotACall:
    """An assertion that is no call test, and why."""

    source: str
    reason: str


def parse_asserts(source: str, names: Sequence[str]) -> list[CallTest | NotACall]:
    """Every assertion of `source`, in order; the function goes by any of `names`.

    A `source` that is cut off in the middle is read as far as it is whole; what is left is one
    `NotACall`. Assertions inside functions count, those inside loops and branches do not: what
    they assert depends on the run.
    """
    tree, rest = parse_beginning(source)
    known = Names(frozenset(names))
    found: list[CallTest | NotACall] = []
    for node, nested in _assertions(tree.body):
        text = shown(node)
        if nested:
            found.append(NotACall(text, "inside a loop or a branch"))
            continue
        try:
            found.append(call_test(node.test, known))
        except NotConstant as error:
            found.append(NotACall(text, str(error)))
        except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
            found.append(NotACall(text, f"{type(error).__name__}: {error}"))
    if rest.strip():
        found.append(NotACall(rest, "not Python, or cut off"))
    return found


def parse_beginning(source: str) -> tuple[ast.Module, str]:
    """A long beginning, in whole lines, that is Python; and the rest.

    The longest, unless that is hard to find: after some tries half of what is left is cut off.
    """
    lines = source.splitlines(keepends=True)
    end, tries = len(lines), 0
    while end > 0:
        tries += 1
        # Without a limit to patience, a long text would be read for hours.
        least = 1 if tries <= _PATIENT_TRIES else (end + 1) // 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return ast.parse("".join(lines[:end])), "".join(lines[end:])
            except SyntaxError as error:
                # What is wrong stands at this line or above: no need to try each one below.
                end = min(end - least, max((error.lineno or end) - 1, 0))
            except (ValueError, RecursionError, MemoryError):
                end -= least
    return ast.Module([], []), source


def _assertions(body: Sequence[ast.stmt]) -> list[tuple[ast.Assert, bool]]:
    """Each assertion, in order, and whether it stands in a loop or a branch."""
    found: list[tuple[ast.Assert, bool]] = []
    # A stack of our own: a chain of `elif` is as deep as it is long.
    waiting = [(node, False) for node in reversed(body)]
    while waiting:
        node, nested = waiting.pop()
        if isinstance(node, ast.Assert):
            found.append((node, nested))
            continue
        inside: list[ast.stmt] = []
        for part in (node, *getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for name in ("body", "orelse", "finalbody"):
                inside += getattr(part, name, [])
        branch = nested or not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        waiting += [(one, branch) for one in reversed(inside)]
    return found


def shown(node: ast.stmt) -> str:
    """An assertion as people read it."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        return f"the assertion at line {node.lineno}"
