"""A test script's own process: the names that a script finds, and the rules by which it passes.

The script runs in a sandboxed process. This process shares one pipe with the program's process
(``candidate``), but no memory and no other descriptors. Only plain values travel on the pipe. No
object of the program arrives here, so no ``__eq__`` of the program is called. The program sees the
arguments alone.

The script decides:

- An `AssertionError` is a wrong answer; reaching the last line is a pass.
- An exit counts as for a shell. Status 0 is a pass, but the script's ``check`` is still called and
  the tests that the script defines are still run (``collected``). Any other status is a wrong
  answer.
- A script that ends without a call of the program does not pass, because it tests nothing.

Two things cannot travel: functions and instances of a program's own classes, which arrive as
objects that equal nothing, and identity (``candidate(x) is x``). An iterator arrives drained.
"""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sparring.sandbox.inside import pytest_names
from sparring.sandbox.inside.candidate import ProgramGone, ProgramPipe
from sparring.sandbox.inside.collected import ScriptSuite, finished, required
from sparring.sandbox.inside.failures import Failures
from sparring.sandbox.inside.lookups import lookups
from sparring.sandbox.inside.program_names import Offered
from sparring.sandbox.inside.self_run_tests import SelfRunTests
from sparring.testnames import CANDIDATE, CHECK

_FILE = "suite.py"
_MOST_TEXT = 250
_NO_CALL = "the script ended without a call of the program: it tests nothing"


def run_script(code: CodeType, entry_point: str, channel: int) -> None:
    """Run a script and then the tests that it defines and did not run. Returns if all pass.

    The script's ``check``, if any, is called with the proxy. Names that the script uses and does
    not define stand for functions and data of the program: a test of `encode` may need `decode`.
    `channel` is the descriptor of the pipe. Raises the exception by which the script fails.
    """
    module = ModuleType("__main__")
    own = SelfRunTests(module)
    line = ProgramPipe(channel, own.look)
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
    # Finalisers of the script's objects may fail too, so the globals go before the verdict.
    own.forget()
    sys.modules.pop("__main__", None)
    for name in reversed(list(module.__dict__)):  # the script's own names before offered ones
        module.__dict__[name] = None
    gc.collect()
    # A script may have caught this exception. The exception counts before any other failure. The
    # reason: a program that ended early must not be graded by the script's reaction to that end.
    if line.end_reason:
        raise ProgramGone(line.end_reason)
    failures.raise_first()
    if line.useless:
        raise RuntimeError(line.useless)
    if not line.was_called:
        raise RuntimeError(_NO_CALL)


def _run_tests(
    failures: Failures,
    module: ModuleType,
    own: SelfRunTests,
    line: ProgramPipe,
    candidate: Any,
    mentioned: set[str],
) -> None:
    """Run the tests that the script defines and did not run itself."""
    check = module.__dict__.get(CHECK)
    if callable(check) and check is not candidate and not own.check_returned():
        takes = required(check) if isinstance(check, FunctionType) else [CANDIDATE]
        # A mentioned `check` of several parameters is a helper that other tests call.
        if len(takes) < 2 or CHECK not in mentioned:
            arguments = [candidate][: len(takes)]
            _until_exit(failures, lambda: finished(check(*arguments), CHECK))

    def until_exit(test: Callable[[], None]) -> None:
        _until_exit(failures, test)

    suite = ScriptSuite(module, own, mentioned, candidate, until_exit, lambda: line.calls)
    suite.run()
    if not line.was_called:
        suite.run_tests_by_name()


def _until_exit(failures: Failures, run: Callable[..., Any], *arguments: Any) -> None:
    """Call a function that may exit. Raises `AssertionError` for a status other than 0."""
    try:
        run(*arguments)
    except pytest_names.Failed as error:
        raise AssertionError(str(error)).with_traceback(error.__traceback__) from None
    except SystemExit as stop:
        status = stop.code
        if status is None or (isinstance(status, int) and status == 0):
            return
        failures.raise_first()  # a noted failure tells more than a status
        text = f"exit status {int(status)}" if isinstance(status, int) else f"exit: {status}"
        failed = AssertionError(text[:_MOST_TEXT])
        raise failed.with_traceback(stop.__traceback__) from None
