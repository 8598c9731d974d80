"""Recognising tests that a script ran itself, by the frames that called the program."""

from __future__ import annotations

import dis
import inspect
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

from sparring.testnames import CHECK


class SelfRunTests:
    """Record of the tests that the script itself called to their ends.

    A test counts only if it called the program, because `look` runs at those calls. A recorded test
    is not run again. A second run would be wrong for a program that counts its calls, and for a
    ``check`` with other parameters. A test that did not return counts as not run, because the
    script may have caught its exception.
    """

    def __init__(self, module: ModuleType) -> None:
        self._globals = module.__dict__
        self._last: dict[CodeType, FrameType] = {}
        self._earlier_returned: dict[CodeType, bool] = {}
        self._started: set[tuple[type, str]] = set()

    def look(self) -> None:
        """Look for tests among the frames that are calling the program now."""
        frame: FrameType | None = sys._getframe(1)
        met: set[CodeType] = set()
        while frame is not None:
            code = frame.f_code
            if frame.f_globals is self._globals and _may_be_test(code) and code not in met:
                met.add(code)
                if self._last.get(code) is not frame:
                    # A new call of this test: note whether every earlier call has returned.
                    self._earlier_returned[code] = code not in self._last or self._returned(code)
                    self._last[code] = frame
            frame = frame.f_back

    def forget(self) -> None:
        """Let go of the frames, and so of their locals."""
        self._last.clear()

    def ran(self, test: Any) -> bool:
        """Return whether a test was called, and every call returned with no value of its own.

        A returned value may be the test's verdict, which the script may only have printed.
        """
        code = getattr(inspect.unwrap(test), "__code__", None)
        # A wrapper has the same code around every test, so the name must agree too.
        if code not in self._last or code.co_name != getattr(test, "__name__", None):
            return False
        return self._returned(code) and self._answers_nothing(code)

    def ran_unit(self, test: Any) -> bool:
        """Return whether a runner started a ``unittest`` test, or the script called it to its end.

        `test` is the `unittest.TestCase` object of one method.
        """
        name = getattr(test, "_testMethodName", "")
        return (type(test), name) in self._started or self.ran(getattr(test, name))

    def start(self, test: object) -> None:
        """Note that a runner of ``unittest`` starts a test."""
        self._started.add((type(test), getattr(test, "_testMethodName", "")))

    def check_returned(self) -> bool:
        """Return whether the script's ``check`` was called, and every call has returned."""
        codes = [code for code in self._last if code.co_qualname == CHECK]
        return bool(codes) and all(self._returned(code) for code in codes)

    def _returned(self, code: CodeType) -> bool:
        if not self._earlier_returned[code]:
            return False
        # A dead frame keeps its last instruction: a return, or the one that raised.
        last = code.co_code[self._last[code].f_lasti]
        return dis.opname[last].startswith("RETURN_")

    def _answers_nothing(self, code: CodeType) -> bool:
        """Return whether the last call returned a constant other than `False` (None, mostly).

        Read from the bytecode: a frame does not keep the value that it returned.
        """
        last = self._last[code].f_lasti
        before: Any = None
        for each in dis.get_instructions(code):
            if each.offset == last:
                constant = each if each.opname == "RETURN_CONST" else before
                return constant is not None and (
                    constant.opname in ("LOAD_CONST", "RETURN_CONST", "LOAD_SMALL_INT")
                    and constant.argval is not False
                )
            before = each
        return False


def _may_be_test(code: CodeType) -> bool:
    return code.co_qualname == CHECK or code.co_name.startswith("test")
