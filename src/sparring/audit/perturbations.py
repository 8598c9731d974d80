"""Perturbations: conditions that vary between two executions of a program on the same input.

Inside the sandbox a program that prints the time, or a set of words, repeats its output: the
sandbox seeds `random`, fixes the hash seed, and repeats within the same second. So repetitions
vary these conditions on purpose:

- The hash seed: a separate sandbox for each seed. Two others are used, because two words may have
  the same order under two seeds.
- The random seed: a comment is added, because the sandbox derives the seed from program and input.
- The clock: lines before the program move the clock of `time` and `datetime` inside its process.
  Only programs that mention these modules get the lines.

An output that changes with a condition is flaky by that cause. The lines before a program may
themselves change its behaviour. So a difference is blamed on the clock only between executions that
all have the lines and start at different times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

HASH_SEEDS = 3


class Cause(StrEnum):
    """Cause of a flaky output: a dependence on more than the input, worded as a predicate."""

    NOTHING_NAMED = "changes from one execution to the next"
    HASH = "depends on the order of sets (the hash seed), or on where objects are in memory"
    RANDOM = "depends on random numbers"
    CLOCK = "depends on the clock"


@dataclass(frozen=True, slots=True)
class Perturbation:
    """Conditions of one execution of a program.

    - ``hash_seed``: index of the sandbox; 0 is the usual one.
    - ``random``: number in the added comment; 0 adds none.
    - ``clock``: start time that the program sees, in seconds since 1970; None for the real time.
    """

    hash_seed: int = 0
    random: int = 0
    clock: float | None = None

    def moves_clock(self, source: str) -> bool:
        """Return True if lines that move the clock stand before the program."""
        return self.clock is not None and _TELLS_TIME.search(source) is not None

    def program(self, source: str) -> str:
        """Return the program to execute under this condition."""
        if self.random:
            source = f"{source}\n# {self.random}\n"
        if not self.moves_clock(source):
            return source
        return _MOVED_CLOCK.replace("START", repr(self.clock)).replace("SOURCE", repr(source))


def perturbations(repeats: int) -> list[Perturbation]:
    """Return the conditions of ``repeats`` executions.

    The first is the usual condition. All others vary the random seed and the clock together, and
    two of three also the hash seed.
    """
    return [Perturbation()] + [
        Perturbation(hash_seed=k % HASH_SEEDS, random=k, clock=_clock(k)) for k in range(1, repeats)
    ]


CAUSES: tuple[tuple[Cause, Perturbation], ...] = (
    (Cause.NOTHING_NAMED, Perturbation()),
    *((Cause.HASH, Perturbation(hash_seed=k)) for k in range(1, HASH_SEEDS)),
    (Cause.RANDOM, Perturbation(random=7)),
)
"""Causes in the order of trial, each with a condition that reveals the cause by another outcome
while the clock is fixed. `clocks` tries the clock after them."""
# Each stride changes the second, minute, hour, day of the week, month, year and parity.
_START, _STRIDE = 1_000_000_000, 40_025_261


def _clock(number: int) -> float:
    return _START + number * _STRIDE + (0.25 if number % 2 else 0.75)


def clocks() -> list[Perturbation]:
    """Return conditions that differ only in the start time of the clock."""
    return [Perturbation(clock=_clock(k)) for k in range(1, 4)]


_TELLS_TIME = re.compile(r"time|date|clock|calendar|__import__|importlib")
_MOVED_CLOCK = """
def _sparring_move(start):
    import datetime, time
    own, own_ns = time.time, time.time_ns
    shift = int((start - own()) * 1000)
    def now():
        return own() + shift / 1000
    local, universal, written, form = time.localtime, time.gmtime, time.asctime, time.strftime
    time.time = now
    time.time_ns = lambda: own_ns() + shift * 1000000
    clock, clock_ns, real = time.clock_gettime, time.clock_gettime_ns, time.CLOCK_REALTIME
    time.clock_gettime = lambda c: clock(c) + (shift / 1000 if c == real else 0)
    time.clock_gettime_ns = lambda c: clock_ns(c) + (shift * 1000000 if c == real else 0)
    time.localtime = lambda s=None: local(now() if s is None else s)
    time.gmtime = lambda s=None: universal(now() if s is None else s)
    time.asctime = lambda t=None: written(local(now()) if t is None else t)
    time.ctime = lambda s=None: written(local(now() if s is None else s))
    time.strftime = lambda f, t=None: form(f, local(now()) if t is None else t)
    old, day = datetime.datetime, datetime.date
    datetime.datetime = type("datetime.datetime", (old,), {
        "now": classmethod(lambda cls, tz=None: cls.fromtimestamp(now(), tz)),
        "utcnow": classmethod(lambda cls: cls.fromtimestamp(now(), datetime.timezone.utc)
            .replace(tzinfo=None)),
        "today": classmethod(lambda cls: cls.fromtimestamp(now())),
    })
    datetime.date = type("datetime.date", (day,), {
        "today": classmethod(lambda cls: cls.fromtimestamp(now())),
    })
_sparring_move(START)
del _sparring_move
exec(compile(SOURCE, "program.py", "exec", dont_inherit=True), globals())
"""
