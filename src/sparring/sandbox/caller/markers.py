"""Requirements of packages under a condition: whether it holds for the Python that this runs under.

A small reader of PEP 508's markers (``numpy ; python_version < "3.12"``), which are expressions of
names, texts and comparisons. Requirements of an extra are never wanted: who wants one names it.
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


def wanted_by(requirement: str) -> bool:
    """Whether a line of ``Requires-Dist`` is for us. One that cannot be read is."""
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
        results = [_holds(part) for part in node.values]
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError("no comparison")
    left, right = _text(node.left), _text(node.comparators[0])
    how = node.ops[0]
    if isinstance(how, ast.In):
        return left in right
    if isinstance(how, ast.NotIn):
        return left not in right
    if _NUMBERS.fullmatch(left) and _NUMBERS.fullmatch(right):
        return _COMPARED[type(how)](_version(left), _version(right))
    return _COMPARED[type(how)](left, right)


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
