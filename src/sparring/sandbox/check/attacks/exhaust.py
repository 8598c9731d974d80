"""Attacks by exhaustion: time, memory, output, files, descriptors and threads without end."""

from __future__ import annotations

from dataclasses import replace

from sparring.sandbox.check.attacks import BY_TIME, TIGHT, Attack, reaching_program
from sparring.sandbox.types import Limits
from sparring.schema import Verdict

_TIME = {
    "loop": "while True: pass",
    "loop that catches everything": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "loop in threads": (
        "import threading\ndef f():\n    while True: pass\n"
        "for _ in range(4): threading.Thread(target=f).start()"
    ),
    "loop at the end": "import atexit\ndef f():\n    while True: pass\natexit.register(f)",
    "loop in a destructor": ("class A:\n    def __del__(self):\n        while True: pass\na = A()"),
    "a power, holding the interpreter's lock": "10 ** 10 ** 9",
    "an integer as text": "import sys\nsys.set_int_max_str_digits(0)\nstr(7 ** 10**7)",
    "a text as integer": "import sys\nsys.set_int_max_str_digits(0)\nint('7' * 10**7)",
    "a regular expression": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "a sum in C": "sum(iter(int, 1))",
    "a search in C": "('a' * 10**7 + 'b' + 'a' * 10**7).replace('a' * 5000 + 'c', '')\n"
    "while True: 1 in range(10**9)",
    "sleep": "import time\ntime.sleep(60)",
    "sleep with signals ignored": (
        "import signal, time\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except OSError: pass\ntime.sleep(60)"
    ),
    "sleep in small pieces": "import time\nwhile True: time.sleep(0.001)",
    "stop": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "deadlock": "import threading\na = threading.Lock()\na.acquire()\na.acquire()",
    "waiting for a thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait).start()"
    ),
    "reading from a pipe": "import os\nr, w = os.pipe()\nos.read(r, 1)",
    "alarms": (
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)\nwhile True: time.sleep(1)"
    ),
    "loop without descriptors": "import os\nos.closerange(0, 999)\nwhile True: pass",
    "sleep without descriptors": "import os, time\nos.closerange(0, 999)\ntime.sleep(60)",
    "a raised limit": (
        "import resource\nfor what in (resource.RLIMIT_CPU, resource.RLIMIT_AS):\n"
        "    try: resource.setrlimit(what, (10**6, 10**6))\n"
        "    except (ValueError, OSError): pass\n"
        "while True: pass"
    ),
    "a source that takes long": "x = " + "+".join(["1"] * 2000) + "\nwhile True: pass",
}
_MEMORY = {
    "bytes": "x = b'1' * (512 << 20)",
    "many small": "x = [bytearray(99) for _ in range(10**7)]",
    "shared": "import mmap\nm = mmap.mmap(-1, 512 << 20)\nm.write(b'1' * (512 << 20))",
    "in a thread": "import threading\nt = threading.Thread(target=lambda: b'1' * (512 << 20))\n"
    "t.start()\nt.join()",
    "caught": "try: x = b'1' * (512 << 20)\nexcept MemoryError: pass\nimport time\ntime.sleep(9)",
    "for a moment": "b'1' * (512 << 20)",
    "numbers": "x = 1 << (512 << 23)",
    "under a name that reads like memory": (
        "import ctypes, time\nctypes.CDLL(None).prctl(15, b'RssAnon: 0', 0, 0, 0)\n"
        "x = bytearray(100 << 20)\ntime.sleep(9)"
    ),
    "too much for anybody": "x = bytearray(1 << 45)",
}
_OUTPUT = {
    "line": "print('x' * (1 << 24))",
    "by a hole": "import os\nos.ftruncate(1, 1 << 24)\nos.lseek(1, 0, 2)",
    "allocated": "import os\nos.posix_fallocate(1, 0, 1 << 24)",
    "far away": "import os\nos.pwrite(1, b'x', 1 << 24)",
}
_OUTPUT_WITHOUT_END = {
    "lines": "while True: print('x' * 1000)",
    "by descriptor": "import os\nwhile True: os.write(1, b'x' * 65536)",
    "by sendfile": (
        "import os\nopen('f', 'wb').write(b'x' * 600000)\nf = os.open('f', 0)\n"
        "while True: os.sendfile(1, f, 0, 600000)"
    ),
    "on both streams": "import os\nwhile True: os.write(2, b'x' * 65536); os.write(1, b'x' * 99)",
}
_ERRORS_WITHOUT_END = "import sys\nwhile True: sys.stderr.write('x' * 65536)"
_MUCH = {
    "one file": "with open('f', 'wb', 0) as f:\n"
    "    for _ in range(32): assert f.write(b'x' * (1 << 20)) == 1 << 20",
    "many files": "for i in range(200):\n"
    "    assert open(f'{i}', 'wb', 0).write(b'x' * 999999) == 999999",
    "many empty files": "for i in range(20000): open(f'{i}', 'w').close()",
    "descriptors": "held = [os.dup(0) for _ in range(600)]",
    "a pipe of a megabyte": "import fcntl\nfcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",
    "hidden memory": "import mmap\nos.write(os.memfd_create('x'), b'x' * (100 << 20))",
}
_MUCH_AS_ROOT = {
    "threads": (
        "import threading\nthreading.stack_size(32768)\nend = threading.Event()\n"
        "for _ in range(8000): threading.Thread(target=end.wait, daemon=True).start()"
    ),
    "threads under a name that reads like threads": (
        "import ctypes, threading, time\nctypes.CDLL(None).prctl(15, b'Threads: 1', 0, 0, 0)\n"
        "threading.stack_size(32768)\nend = threading.Event()\n"
        "for _ in range(2000): threading.Thread(target=end.wait, daemon=True).start()\n"
        "time.sleep(0.1)"
    ),
    "locked memory": "import ctypes\nm = ctypes.create_string_buffer(32 << 20)\n"
    "assert ctypes.CDLL(None).mlock(m, 32 << 20) == 0",
    "a better place in the queue": "os.nice(-5)",
    "another scheduler": "os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))",
}
_ROOMY = replace(TIGHT, cpu_seconds=3.0, idle_seconds=3.0)


def _all(
    resource: str,
    programs: dict[str, str],
    limits: Limits,
    ends: frozenset[Verdict],
    *,
    harmful: bool = False,
    plain: bool = True,
) -> list[Attack]:
    return [
        Attack(f"{resource}: {name}", text, ("",), limits, ends, harmful=harmful, plain=plain)
        for name, text in programs.items()
    ]


# A file's size is limited too: the kernel may refuse a write first, and the program raises.
_TOO_MUCH_OUTPUT = frozenset({Verdict.OUTPUT_LIMIT, Verdict.RUNTIME_ERROR})

ATTACKS = (
    *_all("time", _TIME, TIGHT, BY_TIME, plain=False),
    *_all("memory", _MEMORY, _ROOMY, frozenset({Verdict.MEMORY_LIMIT})),
    *_all("output", _OUTPUT, _ROOMY, _TOO_MUCH_OUTPUT, plain=False),
    *_all("output", _OUTPUT_WITHOUT_END, _ROOMY, _TOO_MUCH_OUTPUT, harmful=True),
    *_all("output", {"errors": _ERRORS_WITHOUT_END}, TIGHT, BY_TIME, harmful=True),
    *(
        Attack(f"greed: {name}", reaching_program(body), limits=_ROOMY)
        for name, body in _MUCH.items()
    ),
    *(
        Attack(f"greed: {name}", reaching_program(body), limits=_ROOMY, plain=False)
        for name, body in _MUCH_AS_ROOT.items()
    ),
)
