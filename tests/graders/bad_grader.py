"""A deliberately bad grader: everything in one process, every error a wrong answer."""

from __future__ import annotations

import io
import signal
import sys
import tempfile
from contextlib import redirect_stdout


def grade(program: str, tests: dict) -> bool:
    try:
        with tempfile.NamedTemporaryFile("w") as log:  # fails with the machine
            log.write(program)
            log.flush()
            return _grade(program, tests)
    except Exception:  # noqa: BLE001  # as bad graders do
        return False


def _grade(program: str, tests: dict) -> bool:
    if tests["form"] == "answer":
        program = program.split("```")[1]  # keeps the language's name
    if tests["form"] in ("stdin", "answer"):
        return all(
            got == expected
            for given, wanted in zip(tests["inputs"], tests["outputs"], strict=True)
            # The shorter one decides how much is compared.
            for got, expected in zip(_printed(program, given).split(), wanted.split(), strict=False)
        )
    names: dict = {}
    if tests["form"] == "script":
        exec(f"import math\n{program}\n{tests['script']}\ncheck({tests['function']})", names)
        return True
    exec(program, names)
    return all(
        names[tests["function"]](*arguments) == wanted
        for arguments, wanted in zip(tests["arguments"], tests["results"], strict=True)
    )


def _printed(program: str, given: str) -> str:
    signal.alarm(60)  # longer than anybody waits
    sys.stdin, out = io.StringIO(given), io.StringIO()
    with redirect_stdout(out):
        exec(program, {"__name__": "__main__"})
    return out.getvalue()
