"""A test script's own process: what the script finds there, and when it has passed.

The script runs in a sandboxed process that shares neither memory nor descriptors with the
program's, but for one pipe (``candidate``). On it go plain values: no object of the program's ever
comes here, so none of its ``__eq__`` is asked, and nothing of the script's goes there but
arguments. The script decides: an `AssertionError` is a wrong answer, its last line an accepted one.

An exit means what it means to a shell. Status 0 is a pass, but ends nothing early: a ``check`` is
called all the same, and the tests that the script defines are run (``collected``). Any other is a
wrong answer. A script that ends without a call of the program is no pass: it tests nothing.

What cannot be carried: functions and instances of a program's own classes (they arrive as objects
that equal nothing), and identity (``candidate(x) is x``). An iterator arrives drained.
"""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sparring.sandbox.inside import pytest_names
from sparring.sandbox.inside.candidate import Line, ProgramGone
from sparring.sandbox.inside.collected import Suite, finished, required
from sparring.sandbox.inside.failures import Failures
from sparring.sandbox.inside.lookups import lookups
from sparring.sandbox.inside.offered import Offered
from sparring.sandbox.inside.own_runs import OwnRuns
from sparring.testnames import CANDIDATE, CHECK

_FILE = "suite.py"
_MOST_TEXT = 250
_NO_CALL = "the script ended without a call of the program: it tests nothing"


def run_script(code: CodeType, entry_point: str, channel: int) -> None:
    """Run the script, then its ``check`` with the proxy if it defines one, then the other tests
    that it defines and did not run. Returns if it passes.

    Other names that the script uses and does not define stand for functions and data of the
    program: a round trip needs the function that goes the other way.
    """
    module = ModuleType("__main__")
    own = OwnRuns(module)
    line = Line(channel, own.look)
    used = lookups(code)
    offered = Offered(line, entry_point)
    module.__dict__.update(offered.names(used))
    module.__dict__.update(__builtins__=builtins, __file__=_FILE)
    sys.modules["__main__"] = module
    offered.modules(module, used)
    if "pytest" in used.imports:
        sys.modules["pytest"] = pytest_names.module()
    failures = Failures(own.start, lambda: line.calls)
    failures.watch(code)
    _until_exit(failures, exec, code, module.__dict__)
    _run_tests(failures, module, own, line, offered.candidate, used.looked_up)
    failures.settle()
    # The last that may fail: finalisers of what the script still holds.
    own.forget()
    sys.modules.pop("__main__", None)
    for name in reversed(list(module.__dict__)):  # what it made before what it was given
        module.__dict__[name] = None
    gc.collect()
    if line.gone:
        raise ProgramGone(line.gone)
    failures.raise_first()
    if line.useless:
        raise RuntimeError(line.useless)
    if not line.asked:
        raise RuntimeError(_NO_CALL)


def _run_tests(
    failures: Failures,
    module: ModuleType,
    own: OwnRuns,
    line: Line,
    candidate: Any,
    mentioned: set[str],
) -> None:
    """Run what the script defines and did not run itself."""
    check = module.__dict__.get(CHECK)
    if callable(check) and check is not candidate and not own.check_returned():
        takes = required(check) if isinstance(check, FunctionType) else [CANDIDATE]
        if len(takes) < 2 or CHECK not in mentioned:  # else others call it, with what they got
            given = [candidate][: len(takes)]
            _until_exit(failures, lambda: finished(check(*given), CHECK))

    def until_exit(test: Callable[[], None]) -> None:
        _until_exit(failures, test)

    suite = Suite(module, own, mentioned, candidate, until_exit, lambda: line.calls)
    suite.run()
    if not line.asked:
        suite.run_what_is_called_so()


def _until_exit(failures: Failures, run: Callable[..., Any], *arguments: Any) -> None:
    """Run something that may exit. Raises `AssertionError` for a status that is not 0."""
    try:
        run(*arguments)
    except pytest_names.Failed as error:
        raise AssertionError(str(error)).with_traceback(error.__traceback__) from None
    except SystemExit as stop:
        status = stop.code
        if status is None or (isinstance(status, int) and status == 0):
            return
        failures.raise_first()  # says more than a status
        text = f"exit status {int(status)}" if isinstance(status, int) else f"exit: {status}"
        failed = AssertionError(text[:_MOST_TEXT])
        raise failed.with_traceback(stop.__traceback__) from None
