"""Comparing the state that numpy keeps for a whole process, before and after an execution.

The generator behind ``numpy.random.seed`` is seeded anew for every execution. Error handling, print
options, the buffer size and the filters of warnings are compared after each execution: a process
in which one of them differs is spent.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any


class NumpyState:
    """State of numpy before the first execution of a process."""

    def __init__(self) -> None:
        self._numpy: Any = sys.modules["numpy"]
        self._random: Any = sys.modules["numpy.random"]
        self._before = self._now()

    def seed(self, number: int) -> None:
        """Seed the process's global generator with `number` (64 bits, folded into 32)."""
        self._random.seed((number ^ number >> 32) & 0xFFFF_FFFF)

    def unchanged(self) -> bool:
        """Return whether everything except the generator's position is unchanged."""
        return self._now() == self._before

    def _now(self) -> tuple[object, ...]:
        numpy = self._numpy
        call = numpy.geterrcall()
        return (
            numpy.geterr(),
            id(call),
            numpy.getbufsize(),
            repr(numpy.get_printoptions()),
            id(self._random.mtrand._rand),
            id(getattr(self._random, "get_bit_generator", int)()),
            list(warnings.filters),
        )
