"""Attacks by inherited or shared things: descriptors, locks, flags, clocks, limits of a user.

Attacks with an accomplice try to pass a message to another program, beside them or after them.
"""

from __future__ import annotations

from sparring.sandbox.check.attacks import TIGHT, Attack, reaching_program

_DESCRIPTORS = {
    "a socket that was left open": (
        "import stat\nmost = 4096\n"
        "found = []\nfor fd in (*range(3, 255), *range(256, most)):\n"
        "    try: found.append(stat.S_ISSOCK(os.fstat(fd).st_mode))\n    except OSError: pass\n"
        "assert any(found)"
    ),
    "anything above the control socket": (
        "import fcntl\nfound = []\nfor fd in range(256, 9000):\n"
        "    try: found.append(fcntl.fcntl(fd, 1))\n    except OSError: pass\nassert found"
    ),
    "a word to whoever listens": (
        "import json, socket, struct\n"
        "row = json.dumps({'job': 1, 'first': 0, 'outcomes': [['accepted', 0, 0.1, 1.0, '']]})\n"
        "said = 0\nfor fd in (*range(3, 255), *range(256, 2048)):\n"
        "    try: said += os.write(fd, struct.pack('<II', len(row), 0) + row.encode())\n"
        "    except OSError: pass\nassert said"
    ),
    "a word from whoever speaks": (
        "import socket\nheard = 0\nfor fd in (*range(3, 255), *range(256, 2048)):\n"
        "    try: heard += len(socket.socket(fileno=fd).recv(99, socket.MSG_DONTWAIT))\n"
        "    except OSError: pass\nassert heard"
    ),
}

_STRUCT = "import fcntl, os, struct, time\n"
_LOCK = "struct.pack('hhqqi4x', {kind}, 0, {at}, 1, 0)"


def _telling(where: str, command: int, kind: int) -> str:
    """Return a program that locks one byte of a file that all can open, and then waits a moment."""
    lock = _LOCK.format(kind=kind, at=4711)
    return (
        f"{_STRUCT}fd = {where}\ntry: fcntl.fcntl(fd, {command}, {lock})\n"
        "except OSError: pass\ntime.sleep(0.15)"
    )


def _asking(where: str, command: int) -> str:
    """Return code that fails unless another process has locked that byte.

    If the kernel returns the question unchanged, it has found no lock.
    """
    lock = _LOCK.format(kind=1, at=4711)
    return (
        f"import time\ntime.sleep(0.05)\nimport fcntl, struct\nfd = {where}\nasked = {lock}\n"
        f"answer = fcntl.fcntl(fd, {command}, asked)\n"
        "assert answer != asked and struct.unpack('hhqqi4x', answer)[0] != 2"
    )


_NULL = "os.open('/dev/null', os.O_RDWR)"
_LIBRARY = "os.open(os.__file__, os.O_RDONLY)"
# Pairs of programs: one leaves a message, the other looks for it.
_TOLD = {
    "a lock on what standard error is": (_telling("2", 37, 1), _asking("2", 36)),
    "a lock on /dev/null": (_telling(_NULL, 37, 1), _asking(_NULL, 36)),
    "a lock of the process on /dev/null": (_telling(_NULL, 6, 1), _asking(_NULL, 5)),
    "a lock on a file of the library": (_telling(_LIBRARY, 37, 0), _asking(_LIBRARY, 36)),
    "a lock of the process on a file of the library": (
        _telling(_LIBRARY, 6, 0),
        _asking(_LIBRARY, 5),
    ),
    "a whole file locked": (
        f"import fcntl, os, time\nfcntl.flock({_LIBRARY}, fcntl.LOCK_EX)\ntime.sleep(0.15)",
        "import fcntl, time\ntime.sleep(0.05)\n"
        f"try: fcntl.flock({_LIBRARY}, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: pass\nelse: raise OSError",
    ),
    "flags of standard error": (
        "import fcntl, time\nfcntl.fcntl(2, 4, fcntl.fcntl(2, 3) | 0o6000)\ntime.sleep(0.15)",
        "import fcntl, time\ntime.sleep(0.05)\nassert fcntl.fcntl(2, 3) & 0o6000",
    ),
    "a hint on a file of the library": (
        f"import fcntl, os, struct, time\nfd = {_LIBRARY}\n"
        "try: fcntl.fcntl(fd, 1036, struct.pack('Q', 5))\nexcept OSError: pass\ntime.sleep(0.15)",
        f"import fcntl, struct\nanswer = fcntl.fcntl({_LIBRARY}, 1035, bytes(8))\n"
        "assert struct.unpack('Q', answer)[0] == 5",
    ),
    "a lease on a file of the library": (
        f"import fcntl, os, time\ntry: fcntl.fcntl({_LIBRARY}, 1024, 0)\nexcept OSError: pass\n"
        "time.sleep(0.15)",
        f"import fcntl, time\ntime.sleep(0.05)\nassert fcntl.fcntl({_LIBRARY}, 1025) != 2",
    ),
}
_OWN = {
    "a lock that outlives its program": f"import fcntl, struct\nfcntl.fcntl(2, 37, {_LOCK})".format(
        kind=1, at=0
    ),
    "a notice of changes": "import fcntl\nfcntl.fcntl(os.open('.', 0), 1026, 2)",
    "a hint for a file": f"import fcntl, struct\nfcntl.fcntl({_LIBRARY}, 1036, bytes(8))",
    "a signal's owner": "import fcntl\nfcntl.fcntl(os.pipe()[0], 15, bytes(8))",
}
_OTHERS = {
    "the CPU clock of a process": "import time\ntime.clock_gettime(~@VICTIM@ << 3 | 2)",
    "the CPU clock of the caller": "import time\ntime.clock_gettime(~@PARENT@ << 3 | 2)",
    "the resolution of a process's clock": "import time\ntime.clock_getres(~@VICTIM@ << 3 | 2)",
    "the CPUs of a process": "os.sched_getaffinity(@VICTIM@)",
    "the group of a process": "os.getpgid(@VICTIM@)",
    "the session of a process": "os.getsid(@VICTIM@)",
    "the niceness of a process": "os.getpriority(os.PRIO_PROCESS, @VICTIM@)",
    "the scheduler of a process": "os.sched_getscheduler(@VICTIM@)",
    "pages merged with others'": (
        "import ctypes, mmap\nm = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE)\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "assert ctypes.CDLL(None).madvise(ctypes.c_void_p(at & ~4095), 4096, 12) == 0"
    ),
}
# Program that never reads its queue, and notes on the page again and again that all executions have
# ended.
_DEAF = """
import gc, mmap, struct, sys
def pages():
    frame, todo = sys._getframe(), list(gc.get_objects())
    while frame:
        todo += frame.f_locals.values()
        frame = frame.f_back
    for o in list(todo): todo += gc.get_referents(o)
    return [o for o in todo if isinstance(o, mmap.mmap)]
found = pages()
while True:
    for page in found:
        try: page[:8] = struct.pack('<II', 32, 0)
        except (ValueError, IndexError): pass
"""
ATTACKS = (
    *(
        Attack(f"inherited: {n}", reaching_program(body), plain=False)
        for n, body in _DESCRIPTORS.items()
    ),
    *(
        Attack(f"told: {name}", tell, accomplice=reaching_program(hear), plain=False)
        for name, (tell, hear) in _TOLD.items()
    ),
    *(
        Attack(f"shared: {name}", reaching_program(body), plain=False)
        for name, body in _OWN.items()
    ),
    *(
        Attack(f"shared: {name}", reaching_program(body), plain=False)
        for name, body in _OTHERS.items()
    ),
    Attack(
        "forged: ends of runs that were never read",
        _DEAF,
        tuple(map(str, range(600))),
        TIGHT,
        plain=False,
    ),
)
