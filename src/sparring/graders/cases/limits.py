"""Limits: programs that do not end, or take, print or recurse without an end.

Each is wrong: a grader must reject it in time and stay alive. Their companions are right programs
that take half a second of processor time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import CaseKind, GraderCase, Submission, call, script, stdin

_PAIRS = {"1\n": "2\n"}
_CALLS = [((1,), 2)]

# Bodies of a program that prints 2, and of a function that returns it, after something endless.
_ENDLESS = {
    "a loop": "while True: pass",
    "a loop that catches everything": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "a loop within C": "sum(iter(lambda: 0, 1))",
    "a loop within C that takes no signal": "max(range(10 ** 13))",
    "a loop that ignores signals": (
        "import signal\nfor n in range(1, 65):\n"
        "    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "while True: pass"
    ),
    "a loop after the alarm is switched off": (
        "import signal\nsignal.alarm(0)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"
    ),
    "sleep": "import time\ntime.sleep(3600)",
    "a lock that nobody opens": (
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef g(n): return g(n + 1) + 1\ng(0)"
    ),
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 24))",
    "output": (
        "import sys\nfor _ in range(1 << 10): sys.stdout.write('x' * (1 << 16))\nwhile True: pass"
    ),
    "a thread that goes on": (
        "import threading\ndef g():\n    while True: pass\nthreading.Thread(target=g).start()\n"
        "while True: pass"
    ),
    "a child that goes on and holds the output": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(45)\n    os._exit(0)\nwhile True: pass"
    ),
    "a pattern that backtracks": "import re\nre.match('(a|aa)+$', 'a' * 60 + 'b')",
}

_BUSY = (
    "import time\nbegun = time.process_time()\n"
    "while time.process_time() - begun < 0.5: sum(range(1000))"
)


def cases() -> Iterator[GraderCase]:
    """Yield endless programs, as programs and as functions."""
    for name, body in _ENDLESS.items():
        for tests in (stdin(_PAIRS), call(_CALLS), script(_CALLS)):
            yield GraderCase(
                CaseKind.LIMIT,
                name,
                (Submission(_after(body, tests["form"]), tests),),
                False,
                Submission(_after(_BUSY, tests["form"]), tests),
            )


def _after(body: str, form: str) -> str:
    """Return a program or a function that is right if ``body`` ends."""
    if form == "stdin":
        return f"{body}\nprint(int(input()) + 1)"
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"def f(n):\n{lines}\n    return n + 1"
