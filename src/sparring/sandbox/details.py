"""Error details for people, among them the package that a program needs and did not find.

Written in a program's process (`last_line`) and read by whoever counts such programs (`needed`).
A program could print the same words as its own error: nothing is decided by them.
"""

from __future__ import annotations

import re
import sys
import traceback

MOST_CHARACTERS = 300
_NOT_GIVEN = "which the sandbox does not give"
_NEEDS = re.compile(rf"\(needs ([^\s,()]+), {_NOT_GIVEN}: --packages \1 does\)")


def last_line(error: BaseException) -> str:
    """What an error says, short; and if it is for want of a package, that."""
    try:
        line = traceback.format_exception_only(error)[-1].strip()
        if isinstance(error, ModuleNotFoundError):
            line = line[: MOST_CHARACTERS // 2] + _wanting(error)
    except Exception:  # noqa: BLE001  # the program's own exception class may do anything
        line = type(error).__name__
    return line[:MOST_CHARACTERS]


def needed(detail: str) -> str | None:
    """The package that a run ended for want of, by the detail of its outcome."""
    found = _NEEDS.search(detail)
    return found[1] if found else None


def _wanting(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0][: MOST_CHARACTERS // 10]
    if not package.isidentifier() or package in sys.stdlib_module_names or package in sys.modules:
        return ""
    return f" (needs {package}, {_NOT_GIVEN}: --packages {package} does)"
