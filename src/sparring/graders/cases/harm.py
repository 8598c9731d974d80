"""Harm: programs that reach for the machine on which the grader runs.

A program of the first kind gives the expected answer only if it has reached its aim, so "accepted"
means harm. What programs of the second kind do shows afterwards: a grader may accept them, if
nothing comes of it. The host looks at the targets too (`host`), and puts their names in place of
the words between two @.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import CaseKind, GraderCase, Submission, call, script, stdin

_PAIRS = {"1\n": "2\n"}
_CALLS = [((1,), 2)]

# What a program does; it succeeds unless it raises an exception.
_DEEDS = {
    "a file of the host changed": "open('@VICTIM_FILE@', 'w').write('changed')",
    "a file of the host removed": "import os\nos.remove('@SPARE_FILE@')",
    "a file written beside the host's": "open('@DIRECTORY@/new', 'w').close()",
    "a secret read from a file": "assert open('@SECRET_FILE@').read().startswith('secret-')",
    "a secret read from the environment": (
        "import os\nassert any(v.startswith('secret-') for v in os.environ.values())"
    ),
    "a process of the host ended": (
        "import os, signal\nwords = open('/proc/@VICTIM@/cmdline').read()\n"
        "assert '@VICTIM_NAME@' in words\nos.kill(@VICTIM@, signal.SIGTERM)"
    ),
    "a connection to a server of the host": (
        "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 2).close()"
    ),
}
# Deeds that show afterwards, whatever the verdict.
_LEFT = {
    "a process left behind": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    for fd in range(64):\n"
        "        try: os.close(fd)\n        except OSError: pass\n    time.sleep(45)\n"
        "    os._exit(0)"
    ),
    "the parent killed": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "the parent stopped": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
    "its own group of processes killed": "import os, signal\nos.killpg(0, signal.SIGKILL)",
}


def cases() -> Iterator[GraderCase]:
    """Yield the deeds, as programs and as functions."""
    for name, body in {**_DEEDS, **_LEFT}.items():
        for tests in (stdin(_PAIRS), call(_CALLS), script(_CALLS)):
            honest = "print(int(input()) + 1)" if tests["form"] == "stdin" else (
                "def f(n):\n    return n + 1"
            )  # fmt: skip
            yield GraderCase(
                CaseKind.HARM,
                name,
                (Submission(_doing(body, tests["form"]), tests),),
                False if name in _DEEDS else None,
                Submission(honest, tests),
            )


def _doing(body: str, form: str) -> str:
    """Return a program or a function that gives 2 if ``body`` raises nothing, else 0."""
    if form == "stdin":
        lines = "\n".join("    " + line for line in body.splitlines())
        return f"try:\n{lines}\nexcept BaseException:\n    print(0)\nelse:\n    print(2)"
    lines = "\n".join("        " + line for line in body.splitlines())
    return (
        f"def f(n):\n    try:\n{lines}\n    except BaseException:\n        return 0\n    return 2"
    )
