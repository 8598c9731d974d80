"""The state that numpy keeps for a whole process, and whether a run has changed it.

The generator behind ``numpy.random.seed`` is seeded anew for every run; error handling, print
options, the buffer size and the filters of warnings are compared after it: a process in which one
of them differs is spent.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any


class NumpyState:
    """numpy's state as the first run of a process finds it."""

    def __init__(self) -> None:
        self._numpy: Any = sys.modules["numpy"]
        self._random: Any = sys.modules["numpy.random"]
        self._before = self._now()

    def seed(self, number: int) -> None:
        """Start the process's own generator from `number`."""
        self._random.seed((number ^ number >> 32) & 0xFFFF_FFFF)

    def unchanged(self) -> bool:
        """Whether everything but the generator's place is as it was."""
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
