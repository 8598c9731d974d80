"""Reading conditional requirements of packages for this Python.

A marker of PEP 508 (``numpy ; python_version < "3.12"``) is an expression of names, texts and
comparisons. Requirements of an extra never hold: users name the packages of an extra themselves.
"""

from __future__ import annotations

import ast
import operator
import os
import platform
import re
import sys
from collections.abc import Callable
from typing import Any

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def holds_here(requirement: str) -> bool:
    """Return whether a ``Requires-Dist`` line holds for this Python; True if it is unreadable."""
    _, _, marker = requirement.partition(";")
    if not marker.strip():
        return True
    try:
        return _holds(ast.parse(marker.strip().replace("~=", ">="), mode="eval").body)
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError):
        return True


def _values() -> dict[str, str]:
    return {
        "extra": "",
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python_full_version": platform.python_version(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_version": platform.version(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
    }


def _holds(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_holds(part) for part in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError("no comparison")
    left, right = _text(node.left), _text(node.comparators[0])
    operation = node.ops[0]
    if isinstance(operation, ast.In):
        return left in right
    if isinstance(operation, ast.NotIn):
        return left not in right
    if _NUMBERS.fullmatch(left) and _NUMBERS.fullmatch(right):
        return _COMPARED[type(operation)](_version(left), _version(right))
    return _COMPARED[type(operation)](left, right)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return _values()[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("neither a name nor a text")


def _version(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
