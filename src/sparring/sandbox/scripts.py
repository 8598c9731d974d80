"""A test script's own process: what the script finds there, and when it has passed.

The script runs in a sandboxed process that shares neither memory nor descriptors with the
program's, but for one pipe (``candidate``). On it go plain values: no object of the program's ever
comes here, so none of its ``__eq__`` is asked, and nothing of the script's goes there but
arguments. The script decides: an `AssertionError` is a wrong answer, its last line an accepted one.

An exit means what it means to a shell. Status 0 is a pass, but ends nothing early: a ``check`` is
called all the same. Any other is a wrong answer.

What cannot be carried: functions and instances of a program's own classes (they arrive as objects
that equal nothing), and identity (``candidate(x) is x``). An iterator arrives drained.
"""

from __future__ import annotations

import builtins
import collections
import dis
import gc
import inspect
import re
import sys
from collections.abc import Callable
from types import CodeType, FrameType, ModuleType
from typing import Any

from sparring.sandbox.candidate import Candidate, Line, ProgramGone
from sparring.sandbox.failures import Failures

CANDIDATE = "candidate"
_CHECK = "check"
_TESTS = {"assert", "assertion", "check", "checks", "ensure", "expect", "grade", "judge"}
_TESTS |= {"test", "tests", "validate", "verify"}
_LAST_OF_TESTS = {"assertion", "checks", "test", "tests"}
_ALSO_TESTS = {"main", "run", "run_all"}
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LOOKS_UP = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_MOST_TEXT = 250


def run_script(code: CodeType, entry_point: str, channel: int) -> None:
    """Run the script, then its ``check`` with the proxy if it defines one. Returns if it passes.

    Other names that the script uses and does not define stand for functions of the program: a
    round trip needs the function that goes the other way. Not so names that tests have: a script
    without its ``check`` must not be given the program's.
    """
    module = ModuleType("__main__")
    own_check = _OwnCheck(module)
    line = Line(channel, own_check.look)
    name = entry_point.rpartition(".")[2]
    proxy = Candidate(line, name)
    others = {
        other: Candidate(line, other, entry_point=False)
        for other in _global_names(code)
        if not hasattr(builtins, other) and not _names_a_test(other)
    }
    module.__dict__.update(others)
    module.__dict__.update({"__builtins__": builtins, CANDIDATE: proxy, name: proxy})
    sys.modules["__main__"] = module
    failures = Failures()
    failures.watch(code)
    _until_exit(failures, exec, code, module.__dict__)
    check = module.__dict__.get(_CHECK)
    if callable(check) and check is not proxy and not own_check.returned():
        _until_exit(failures, _run_check, check, proxy)
    failures.settle()
    # The last that may fail: finalisers of what the script still holds.
    del check
    sys.modules.pop("__main__", None)
    for name in reversed(list(module.__dict__)):  # what it made before what it was given
        module.__dict__[name] = None
    gc.collect()
    if line.gone:
        raise ProgramGone(line.gone)
    failures.raise_first()


def _until_exit(failures: Failures, run: Callable[..., Any], *arguments: Any) -> None:
    """Run something that may exit. Raises `AssertionError` for a status that is not 0."""
    try:
        run(*arguments)
    except SystemExit as stop:
        status = stop.code
        if status is None or (isinstance(status, int) and status == 0):
            return
        failures.raise_first()  # says more than a status
        text = f"exit status {int(status)}" if isinstance(status, int) else f"exit: {status}"
        failed = AssertionError(text[:_MOST_TEXT])
        raise failed.with_traceback(stop.__traceback__) from None


def _run_check(check: Callable[..., Any], proxy: Candidate) -> None:
    """Call ``check``, and run what it only prepares; `False` is its word that it failed."""
    result = check(proxy)
    if inspect.iscoroutine(result):
        import asyncio  # large, and few suites need it

        result = asyncio.run(result)
    elif inspect.isgenerator(result):
        collections.deque(result, maxlen=0)
        return
    assert result is not False, "check returned False"


class _OwnCheck:
    """Whether the script called its ``check`` itself, to its end, as far as the program saw.

    A second call would be wrong for a program that counts its calls, and for a ``check`` of other
    parameters. A call that did not return is none: the script may have caught what it raised.
    """

    def __init__(self, module: ModuleType) -> None:
        self._globals = module.__dict__
        self._last: FrameType | None = None
        self._seen = self._all_returned = False

    def look(self) -> None:
        """Look for ``check`` among those who are calling the program now."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_qualname == _CHECK and frame.f_globals is self._globals:
                break
            frame = frame.f_back
        if frame is not None and frame is not self._last:
            self._all_returned = not self._seen or self.returned()
            self._seen, self._last = True, frame

    def returned(self) -> bool:
        """Whether there were such calls and all of them have returned."""
        if self._last is None or not self._all_returned:
            return False
        # Where a frame stopped: at its return, or at what raised.
        last = self._last.f_code.co_code[self._last.f_lasti]
        return dis.opname[last].startswith("RETURN_")


def _names_a_test(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if name.startswith("__") or "_".join(words) in _ALSO_TESTS:
        return True
    return bool(words) and (words[0] in _TESTS or words[-1] in _LAST_OF_TESTS)


def _global_names(code: CodeType) -> set[str]:
    """Names that the code, or a function in it, looks up outside itself."""
    looked_up = {str(i.argval) for i in dis.get_instructions(code) if i.opname in _LOOKS_UP}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            looked_up |= _global_names(constant)
    return looked_up
