"""Programs that need a process for each run: told from outside, by their source.

Other programs share a process between runs and put it back as it was (`inside.restore`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# What runs text as code, or makes any object of it. The text is often the input, whose author is
# not the program's: what it changes must not be there for the next.
RUNS_TEXT = (
    "exec eval pickle _pickle marshal runpy breakpoint FunctionType LambdaType get_type_hints "
    "ForwardRef"
)
_RUNS_TEXT_PARTS = tuple(word.encode() for word in RUNS_TEXT.split())
_RUNS_TEXT_WORDS = re.compile(rf"\b(?:{'|'.join(RUNS_TEXT.split())})\b".encode())
PACKAGES_UNDONE = frozenset({"numpy", "sortedcontainers"})
"""Modules of packages whose programs may share a process between inputs: what they keep for the
whole process is known (`arrays`), and they run no text. Any other is for one run."""


def runs_text(source: bytes) -> bool:
    """Whether a program speaks of running text. Asked outside of its process, before any input.

    Its author is honest here and its input's is not: were it asked inside, one input could answer
    for the program, and take the others from the queue.
    """
    if not any(word in source for word in _RUNS_TEXT_PARTS):  # mostly, and fast
        return False
    return _RUNS_TEXT_WORDS.search(source) is not None


def one_run_each(source: bytes, packages: Iterable[str]) -> bool:
    """Whether each run of a program has to have a process of its own: it speaks of running text,
    or of a package whose traces nobody knows."""
    unknown = (name for name in packages if name not in PACKAGES_UNDONE)
    return runs_text(source) or any(name.encode() in source for name in unknown)
