"""Conditions under which the suites are put to the sandbox once more.

What holds in a fresh process with few descriptors need not hold in a large trainer after a day:
each condition is one such difference.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from sparring.errors import SandboxError
from sparring.sandbox.check.attacks import PRELUDE, Attack
from sparring.sandbox.check.backends import Backend
from sparring.sandbox.types import Job
from sparring.schema import Kind

RUNS_BEFORE = 10_000
_INPUTS = 25


class Condition(StrEnum):
    """What is different from the usual."""

    USUAL = "usual"
    DESCRIPTORS = "300 descriptors open"
    """In the caller, before its workers start."""
    NUMBERS = "as worker 260"
    """The caller's sockets have the numbers that those of 260 workers would have."""
    THREAD = "from a thread"
    """Attacks are made by a thread of their program. Those that are about how the program ends are
    left out."""
    WORN = "after 10,000 runs"


_HELD = {Condition.DESCRIPTORS: 300, Condition.NUMBERS: 2 * 260 + 3}


@contextlib.contextmanager
def caller(condition: Condition) -> Iterator[None]:
    """Bring this process into the condition, before an executor is opened."""
    held: list[int] = []
    try:
        for _ in range(_HELD.get(condition, 0)):
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        for fd in held:
            os.close(fd)
        raise SandboxError(
            f"{condition}: {error.strerror} after {len(held)} descriptors: raise ulimit -n to 1024."
        ) from error
    try:
        yield
    finally:
        for fd in held:
            os.close(fd)


def prepared(condition: Condition, backend: Backend) -> None:
    """Bring an executor into the condition: runs of many programs, if it is to be worn."""
    if condition is Condition.WORN:
        program = "print(2 * int(input()))\n# program {}"
        inputs = tuple(map(str, range(_INPUTS)))
        backend.run([Job(program.format(k), inputs) for k in range(RUNS_BEFORE // _INPUTS)])


def changed(condition: Condition, attack: Attack) -> Attack | None:
    """The attack as it is made in the condition; None if it cannot be."""
    if condition is not Condition.THREAD:
        return attack
    about_its_end = attack.ends or attack.same or attack.prints is not None
    if about_its_end or attack.kind is not Kind.STDIN or not attack.program.startswith(PRELUDE):
        return None
    program = (
        f"import threading\n_text = {attack.program!r}\n"
        "_code = compile(_text, 'program.py', 'exec')\n"
        "_thread = threading.Thread(target=exec, args=(_code, {'__name__': '__main__'}))\n"
        "_thread.start()\n_thread.join()\n"
    )
    return replace(attack, program=program)
