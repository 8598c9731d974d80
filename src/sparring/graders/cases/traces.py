"""Traces: what one program leaves behind, and the verdict of a later program.

The submissions of a case are graded one after another in one process, as a trainer grades a batch.
Only the last one is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import CaseKind, GraderCase, Submission, call, script, stdin

_PAIRS = {"2\n": "4\n"}
_CALLS = [((2,), 4)]
_RIGHT = {"stdin": "print(2 * int(input()))", "call": "def f(n):\n    return 2 * n"}
_WRONG = {"stdin": "print(0)", "call": "def f(n):\n    return 0"}
_RIGHT["script"], _WRONG["script"] = _RIGHT["call"], _WRONG["call"]

# What a program does before a wrong one is graded, which must be rejected all the same.
_BEFORE_WRONG = {
    "builtins replaced": (
        "import builtins\nbuiltins.all = lambda *_: True\nbuiltins.any = lambda *_: True\n"
        "builtins.len = lambda *_: 1\nbuiltins.zip = lambda *_: iter(())\n"
        "builtins.bool = lambda *_: True"
    ),
    "exec() and compile() replaced": (
        "import builtins\n_exec = builtins.exec\n"
        "builtins.exec = lambda *a, **k: _exec('pass', *a[1:], **k)"
    ),
    "functions of every module replaced": (
        "import sys\nfor name, m in list(sys.modules.items()):\n"
        "    if name.split('.')[0] in sys.stdlib_module_names or not hasattr(m, '__dict__'):\n"
        "        continue\n    for k, v in list(vars(m).items()):\n"
        "        if callable(v) and k.lower().startswith(('check', 'compare', 'grade', 'eval')):\n"
        "            try: setattr(m, k, lambda *a, **b: True)\n            except Exception: pass"
    ),
}
# What a program does before a right one is graded, which must be accepted all the same.
_BEFORE_RIGHT = {
    "print() and input() replaced": (
        "import builtins\nbuiltins.print = builtins.input = lambda *a, **k: ''"
    ),
    "standard streams closed": "import os\nfor fd in (0, 1, 2):\n    os.close(fd)",
    "the directory removed": (
        "import os, tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.rmdir(d)"
    ),
    "the environment emptied": "import os\nos.environ.clear()",
    "a low limit of recursion": "import sys\nsys.setrecursionlimit(60)",
    "signals ignored": (
        "import signal\nfor n in (signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD):\n"
        "    signal.signal(n, signal.SIG_IGN)"
    ),
    "threads that go on": (
        "import threading, time\nfor _ in range(3):\n"
        "    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()"
    ),
    "modules removed": (
        "import sys\nfor name in ('json', 're', 'subprocess', 'tempfile', 'multiprocessing'):\n"
        "    sys.modules[name] = None"
    ),
}
# A wrong program whose success depends on the one before it.
_LATER = {
    "a function that the program before defined": ("call", "pass", _RIGHT["call"]),
    "a name that the program before defined": (
        "call",
        "def f(n):\n    return g(n)",
        "def g(n):\n    return 2 * n\ndef f(n):\n    return g(n)",
    ),
    "a module's attribute that the program before set": (
        "call",
        "import math\ndef f(n):\n    return math.answer",
        "import math\nmath.answer = 4\ndef f(n):\n    return 4",
    ),
    "a file that the program before wrote": (
        "stdin",
        "print(open('answer').read())",
        "open('answer', 'w').write('4')\nprint(4)",
    ),
    "an environment variable that the program before set": (
        "stdin",
        "import os\nprint(os.environ['ANSWER'])",
        "import os\nos.environ['ANSWER'] = '4'\nprint(4)",
    ),
}


def cases() -> Iterator[GraderCase]:
    """Yield pairs of submissions: the one that leaves a trace, and the one that is judged."""
    every = (stdin(_PAIRS), call(_CALLS), script(_CALLS))
    for deeds, right in ((_BEFORE_WRONG, False), (_BEFORE_RIGHT, True)):
        for name, body in deeds.items():
            for tests in every:
                form = str(tests["form"])
                graded, other = (_RIGHT, _WRONG) if right else (_WRONG, _RIGHT)
                yield GraderCase(
                    CaseKind.TRACE,
                    name,
                    (
                        Submission(f"{body}\n{_RIGHT[form]}", tests),
                        Submission(graded[form], tests),
                    ),
                    right,
                    Submission(other[form], tests),
                )
    for name, (form, later, before) in _LATER.items():
        for tests in every if form == "call" else every[:1]:
            if form == "call" and tests["form"] == "stdin":
                continue
            yield GraderCase(
                CaseKind.TRACE,
                name,
                (Submission(before, tests), Submission(later, tests)),
                False,
                Submission(_RIGHT[form], tests),
            )
