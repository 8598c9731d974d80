"""Attacks: programs that each try one thing that a sandbox must not allow.

Most attacks are a few lines that raise an exception if the sandbox refuses them. If the lines reach
their end, the program prints a mark, and the attack has got through. Other attacks must end with a
certain verdict, print the same on every input, or not be accepted by a test script. Honest programs
run beside and after each attack, and neither they nor the host may be affected.

Attacks are bounded: under a plain interpreter they show what gets through, and leave nothing
behind. Attacks that would harm the host there are marked ``harmful``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparring.sandbox.types import Limits
from sparring.schema import TestKind, Verdict

TIGHT = Limits(cpu_seconds=0.3, idle_seconds=0.4, memory_mib=64, output_bytes=1 << 16, file_mib=1)

USUAL = Limits()

BY_TIME = frozenset({Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT})


@dataclass(frozen=True, slots=True)
class Attack:
    """Program, and the property that it tries to break.

    ``@NAME@`` in the program stands for a target (``targets``). The sandbox holds if

    - no output contains the mark or the secret, nor the text ``never``;
    - the verdict of each execution is one of ``ends``, if any are listed;
    - all outputs are equal (``same``), or equal to ``prints``;
    - no script accepts the program;
    - no execution ends as a failure of the executor (INFRA).
    """

    name: str
    program: str
    inputs: tuple[str, ...] = ("",)
    limits: Limits = USUAL
    ends: frozenset[Verdict] = frozenset()
    same: bool = False
    prints: str | None = None
    never: str = ""
    """Text that no output may contain."""
    kind: TestKind = TestKind.STDIN
    entry_point: str = ""
    accomplice: str = ""
    """Another program, executed beside the attack and after it. Its output must not contain the
    mark either. It shows whether one program can pass a message to another."""
    harmful: bool = False
    """True if the attack would harm a host without a sandbox."""
    plain: bool = True
    """True if the attack gets through under a plain interpreter on an ordinary host, whichever user
    runs it."""


def reaching_program(body: str) -> str:
    """Return a program that prints the mark if `body` raises nothing."""
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
