"""Recognising programs that need a process for each execution, by their source.

For any other program one process serves several executions and is restored between them
(`inside.restore`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Names by which a program executes text as code, or makes any object from text. The text is often
# the input. The input's author is not the program's author, so effects of the text must not reach
# the next execution.
RUNS_TEXT = (
    "exec eval pickle _pickle marshal runpy breakpoint FunctionType LambdaType get_type_hints "
    "ForwardRef"
)
_RUNS_TEXT_PARTS = tuple(word.encode() for word in RUNS_TEXT.split())
_RUNS_TEXT_WORDS = re.compile(rf"\b(?:{'|'.join(RUNS_TEXT.split())})\b".encode())
PACKAGES_UNDONE = frozenset({"numpy", "sortedcontainers"})
"""Packages whose programs may share a process between inputs.

The process-wide state of these packages is known (`inside.arrays`), and they execute no text. A
program with any other package has a process for each execution."""


def runs_text(source: bytes) -> bool:
    """Return whether a program's source has a name by which text is executed.

    The server asks before any input, outside the program's process. Inside, a hostile input could
    answer for the honest program, and take the other inputs from the queue.
    """
    if not any(word in source for word in _RUNS_TEXT_PARTS):  # the usual case, and fast
        return False
    return _RUNS_TEXT_WORDS.search(source) is not None


def one_run_each(source: bytes, packages: Iterable[str]) -> bool:
    """Return whether each execution of a program needs a process of its own.

    It needs one if the program executes text, or names a package whose traces are not known.
    """
    unknown = (name for name in packages if name not in PACKAGES_UNDONE)
    return runs_text(source) or any(name.encode() in source for name in unknown)
