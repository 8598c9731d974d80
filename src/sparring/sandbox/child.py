"""Inside a program's process: its inputs in sequence, each as if freshly started.

What is said to the server (`_report`) is a hint: it can cost the program its
own verdict, but it names no verdict and cannot accept anything, because
comparison happens elsewhere with expected outputs that never come here.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import os
import random
import sys
import threading
import types

ENDED, RAISED = b"e", b"r"
"""Hints: the program's code ended with status 0; it raised or exited otherwise."""

_RECURSION = sys.getrecursionlimit()
_BUILTINS = dict(vars(builtins))


def run_inputs(
    source: str, stdins: list[int], stdouts: list[int], seeds: list[int], report: int
) -> None:
    """Run ``source`` on each input. Returns when all are done or the process is no longer
    fresh enough for the next; the server starts another for the rest."""
    environment = dict(os.environ)
    for name in [n for n in sys.modules if n.split(".")[0] == "sparring"]:
        del sys.modules[name]
    try:
        code = compile(source, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        for _ in stdins:
            _report(report, RAISED, f"{type(error).__name__}: {error}")
        return
    for stdin, stdout, seed in zip(stdins, stdouts, seeds, strict=True):
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.close(stdin)
        os.close(stdout)
        _fresh_streams()
        sys.setrecursionlimit(_RECURSION)
        sys.argv = ["program.py"]
        random.seed(seed)
        status, detail = _run_once(code)
        _report(report, status, detail)
        if not _still_fresh():
            return
        _restore_builtins()
        os.environ.clear()
        os.environ.update(environment)


def _restore_builtins() -> None:
    names = vars(builtins)
    names.clear()
    names.update(_BUILTINS)


def _run_once(code: types.CodeType) -> tuple[bytes, str]:
    """Execute the program in a new ``__main__``, then what an interpreter does at its end."""
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    module.__dict__["__file__"] = "program.py"
    sys.modules["__main__"] = module
    status, detail = ENDED, ""
    try:
        exec(code, module.__dict__)
    except SystemExit as stop:
        if stop.code is not None and stop.code != 0:
            status, detail = RAISED, f"SystemExit: {stop.code}"
    except BaseException as error:  # noqa: BLE001  # whatever an untrusted program raises
        status, detail = RAISED, _describe(error)
    try:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  # its atexit handlers, its own stdout
        status, detail = RAISED, _describe(error)
    return status, detail


def _describe(error: BaseException) -> str:
    """One line, safe even if the program's exception refuses to be printed."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001  # an untrusted __str__
        return "an exception that cannot be printed"


def _fresh_streams() -> None:
    """New standard streams over the real descriptors, as an interpreter makes them."""
    sys.stdin = sys.__stdin__ = _text(0, "r")
    sys.stdout = sys.__stdout__ = _text(1, "w")
    sys.stderr = sys.__stderr__ = _text(2, "w")


def _text(fd: int, mode: str) -> io.TextIOWrapper:
    raw = io.FileIO(fd, mode, closefd=False)
    buffer: io.BufferedReader | io.BufferedWriter = (
        io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    )
    wrapper = io.TextIOWrapper(
        buffer, encoding="utf-8", errors="surrogateescape", write_through=fd == 2
    )
    wrapper.mode = mode
    return wrapper


def _still_fresh() -> bool:
    """Whether the next input may use this process: no threads, no files, no lost streams."""
    if threading.active_count() > 1:
        return False
    try:
        if os.listdir("."):
            return False
    except OSError:
        return False
    gc.enable()
    return True


def _report(fd: int, status: bytes, detail: str) -> None:
    text = detail.encode("utf-8", "replace")[:400].replace(b"\n", b" ")
    os.write(fd, status + text + b"\n")
