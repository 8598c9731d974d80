"""Error details for people, among them the package that a program lacked.

`last_line` writes a detail in a program's process. `needed` reads the package from the detail, so
that programs that lack a package can be counted. A program could forge the words, so they decide
nothing.
"""

from __future__ import annotations

import re
import sys
import traceback

MOST_CHARACTERS = 300
_LACKS = "which the sandbox lacks"
_NEEDS = re.compile(rf"\(needs ([^\s,()]+), {_LACKS}: add --packages \1\)")


def last_line(error: BaseException) -> str:
    """Return an error's last line, cut to `MOST_CHARACTERS`, with the package that it lacks."""
    try:
        line = traceback.format_exception_only(error)[-1].strip()
        if isinstance(error, ModuleNotFoundError):
            line = line[: MOST_CHARACTERS // 2] + _lacking(error)
    except Exception:  # noqa: BLE001  # the program's own exception class may do anything
        line = type(error).__name__
    return line[:MOST_CHARACTERS]


def needed(detail: str) -> str | None:
    """Return the package that an execution lacked, by its outcome's detail; None if it lacked
    none."""
    match = _NEEDS.search(detail)
    return match[1] if match else None


def _lacking(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0][: MOST_CHARACTERS // 10]
    if not package.isidentifier() or package in sys.stdlib_module_names or package in sys.modules:
        return ""
    return f" (needs {package}, {_LACKS}: add --packages {package})"
