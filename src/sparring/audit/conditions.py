"""What can differ between two runs of a program on the same input, and is made to differ.

A program that prints the time, or a set of words, gives the same output twice in a row inside the
sandbox, which seeds `random`, fixes the hash seed and repeats within the second. So a repetition
varies these on purpose: another hash seed (a sandbox of its own; there are two such, because
two words may well have the same order under two seeds), another random seed (a comment
more: the sandbox makes the seed of program and input), and a clock that starts somewhere else. The
clock is moved inside the program's process, by a few lines before it that replace what tells the
time in `time` and `datetime`; only programs that speak of these get them.

An output that changes with one of them is flaky by that cause. The lines before a program could
themselves change what it does; so a difference counts as the clock's only between runs that all
have them and start at other times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

HASH_SEEDS = 3


class Cause(StrEnum):
    """What an output depends on beside the input."""

    NOTHING_NAMED = "changes from run to run"
    HASH = "depends on the order of sets (the hash seed), or on where objects are in memory"
    RANDOM = "depends on random numbers"
    CLOCK = "depends on the clock"


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to run a program again. ``hash_seed``: in which sandbox, 0 for the usual one;
    ``random`` adds a comment; ``clock`` is when the program believes to start, in seconds since
    1970."""

    hash_seed: int = 0
    random: int = 0
    clock: float | None = None

    def moves_clock(self, source: str) -> bool:
        """Whether the program gets other lines before it."""
        return self.clock is not None and _TELLS_TIME.search(source) is not None

    def program(self, source: str) -> str:
        """The program to be run under this condition."""
        if self.random:
            source = f"{source}\n# {self.random}\n"
        if not self.moves_clock(source):
            return source
        return _MOVED_CLOCK.replace("START", repr(self.clock)).replace("SOURCE", repr(source))


def rounds(repeats: int) -> list[Condition]:
    """The conditions of `repeats` runs. The first is the usual one; the others have all that can
    differ differ at once, every third time with the usual hash seed."""
    return [Condition()] + [
        Condition(hash_seed=k % HASH_SEEDS, random=k, clock=_clock(k)) for k in range(1, repeats)
    ]


CAUSES: tuple[tuple[Cause, Condition], ...] = (
    (Cause.NOTHING_NAMED, Condition()),
    *((Cause.HASH, Condition(hash_seed=k)) for k in range(1, HASH_SEEDS)),
    (Cause.RANDOM, Condition(random=7)),
)
"""Causes in the order in which they are tried, with the condition that shows each by an outcome
that is not the usual one, the clock being kept. The clock is tried after them, by `clocks`."""
# Another second, minute, hour, day of the week, month and year each time, and the other parity.
_START, _STRIDE = 1_000_000_000, 40_025_261


def _clock(number: int) -> float:
    return _START + number * _STRIDE + (0.25 if number % 2 else 0.75)


def clocks() -> list[Condition]:
    """Conditions that only the clock's start tells apart."""
    return [Condition(clock=_clock(k)) for k in range(1, 4)]


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
