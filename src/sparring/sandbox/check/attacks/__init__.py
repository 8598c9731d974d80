"""Attacks: programs that each try one thing that a sandbox must not allow.

An attack of the usual kind is a few lines that raise an exception if they are refused; if they get
to their end, the program prints a mark that it could not know otherwise, and the attack has got
through. Others are to end with a certain verdict, to print the same on every input, or not to be
accepted by a test script. Whatever an attack is for, honest programs run beside it and after it,
and neither they nor the host may notice.

Attacks are bounded: put to a plain interpreter, they show what it lets through and leave nothing
behind. Those that cannot be tried without harm say so (``harmful``).
"""

from __future__ import annotations

from dataclasses import dataclass

from sparring.sandbox.types import Limits
from sparring.schema import Kind, Verdict

TIGHT = Limits(cpu_seconds=0.3, idle_seconds=0.4, memory_mib=64, output_bytes=1 << 16, file_mib=1)

USUAL = Limits()

BY_TIME = frozenset({Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT})


@dataclass(frozen=True, slots=True)
class Attack:
    """One program and the property that it tries to break.

    ``@NAME@`` in the program stands for a target (``targets``). The attack holds if no output has
    the mark or the secret in it and, where they are given: the verdict of each run is one of
    ``ends``; all outputs are equal (``same``), or equal to ``prints``. A script's verdict must not
    be ACCEPTED, and no run may end as a failure of the executor (INFRA).
    """

    name: str
    program: str
    inputs: tuple[str, ...] = ("",)
    limits: Limits = USUAL
    ends: frozenset[Verdict] = frozenset()
    same: bool = False
    prints: str | None = None
    never: str = ""
    """A word that no output may hold."""
    kind: Kind = Kind.STDIN
    entry_point: str = ""
    accomplice: str = ""
    """Another program, run while the attack runs and again after it: what it prints counts as well.
    It shows whether one program can tell another something."""
    harmful: bool = False
    """Would harm the host where nothing holds it back."""
    plain: bool = True
    """A plain interpreter on an ordinary host lets it through, whoever runs it."""


def reaching(body: str) -> str:
    """A program that prints the mark if `body` raises nothing."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"{PRELUDE}try:\n{lines}\nexcept BaseException:\n    pass\nelse:\n    got()\n"


PRELUDE = '''\
import os, sys
def got():
    os.write(1, b"@MARK@")
def raw(number, *arguments):
    """A system call. Raises unless the kernel has done it or looked at its arguments."""
    import ctypes
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result == -1 and ctypes.get_errno() in (1, 38):
        raise PermissionError
    return result
'''
