"""Conditions of the caller under which the suites are put to the sandbox once more.

Walls that hold for a fresh process with few descriptors need not hold for a large trainer after a
day. Each condition is one such difference.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from sparring.errors import SandboxError
from sparring.sandbox.check.attacks import PRELUDE, Attack
from sparring.sandbox.check.executors import Executor
from sparring.sandbox.types import Job
from sparring.schema import TestKind

RUNS_BEFORE = 10_000
_INPUTS = 25


class HostCondition(StrEnum):
    """Difference from the usual state of the caller."""

    USUAL = "usual"
    DESCRIPTORS = "300 descriptors open"
    """The caller holds 300 descriptors open before its workers start."""
    NUMBERS = "as worker 260"
    """The caller's sockets have the descriptor numbers of a worker 260."""
    THREAD = "from a thread"
    """A thread of the program makes the attack. Attacks on the program's end are left out."""
    WORN = "after 10,000 runs"
    """The sandbox has executed 10,000 programs before."""


_HELD = {HostCondition.DESCRIPTORS: 300, HostCondition.NUMBERS: 2 * 260 + 3}


@contextlib.contextmanager
def caller(condition: HostCondition) -> Iterator[None]:
    """Bring this process into the condition for a ``with`` block, before an executor is opened.

    Raises `SandboxError` if the process may not open enough descriptors.
    """
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


def prepared(condition: HostCondition, backend: Executor) -> None:
    """Bring an executor into the condition: execute many programs for `HostCondition.WORN`."""
    if condition is HostCondition.WORN:
        program = "print(2 * int(input()))\n# program {}"
        inputs = tuple(map(str, range(_INPUTS)))
        backend.run([Job(program.format(k), inputs) for k in range(RUNS_BEFORE // _INPUTS)])


def changed(condition: HostCondition, attack: Attack) -> Attack | None:
    """Return the attack as made in the condition; None if it cannot be made so."""
    if condition is not HostCondition.THREAD:
        return attack
    about_its_end = attack.ends or attack.same or attack.prints is not None
    if about_its_end or attack.kind is not TestKind.STDIN or not attack.program.startswith(PRELUDE):
        return None
    program = (
        f"import threading\n_text = {attack.program!r}\n"
        "_code = compile(_text, 'program.py', 'exec')\n"
        "_thread = threading.Thread(target=exec, args=(_code, {'__name__': '__main__'}))\n"
        "_thread.start()\n_thread.join()\n"
    )
    return replace(attack, program=program)
