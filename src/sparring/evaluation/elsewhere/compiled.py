"""Whether a text is a Python program."""

from __future__ import annotations

import warnings


def compiles(source: str) -> bool:
    """Whether a text is a Python module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
