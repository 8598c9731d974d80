"""Tests that a script ran itself, told by the frames that called the program."""

from __future__ import annotations

import dis
import inspect
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

from sparring.testnames import CHECK


class OwnRuns:
    """Which tests the script called itself, to their ends, as far as the program saw.

    A second call would be wrong for a program that counts its calls, and for a ``check`` of other
    parameters. A call that did not return is none: the script may have caught what it raised.
    """

    def __init__(self, module: ModuleType) -> None:
        self._globals = module.__dict__
        self._last: dict[CodeType, FrameType] = {}
        self._earlier_returned: dict[CodeType, bool] = {}
        self._started: set[tuple[type, str]] = set()

    def look(self) -> None:
        """Look for tests among those who are calling the program now."""
        frame: FrameType | None = sys._getframe(1)
        met: set[CodeType] = set()
        while frame is not None:
            code = frame.f_code
            if frame.f_globals is self._globals and _may_be_test(code) and code not in met:
                met.add(code)
                if self._last.get(code) is not frame:
                    self._earlier_returned[code] = code not in self._last or self._returned(code)
                    self._last[code] = frame
            frame = frame.f_back

    def forget(self) -> None:
        """Let go of the frames, and of what is held in them."""
        self._last.clear()

    def ran(self, test: Any) -> bool:
        """Whether there were calls of a test and all of them have returned, and not with a value
        of their own: that is a test's word, which the script may have printed and no more."""
        code = getattr(inspect.unwrap(test), "__code__", None)
        # A wrapper's code is the same for all that it wraps.
        if code not in self._last or code.co_name != getattr(test, "__name__", None):
            return False
        return self._returned(code) and self._answers_nothing(code)

    def ran_unit(self, test: Any) -> bool:
        """Whether a test of ``unittest`` was started by whatever runner, or called to its end."""
        name = getattr(test, "_testMethodName", "")
        return (type(test), name) in self._started or self.ran(getattr(test, name))

    def start(self, test: object) -> None:
        """Note that a runner of ``unittest`` starts a test."""
        self._started.add((type(test), getattr(test, "_testMethodName", "")))

    def check_returned(self) -> bool:
        """Whether there were calls of the script's ``check``, and all of them have returned."""
        codes = [code for code in self._last if code.co_qualname == CHECK]
        return bool(codes) and all(self._returned(code) for code in codes)

    def _returned(self, code: CodeType) -> bool:
        # Where a frame stopped: at its return, or at what raised.
        if not self._earlier_returned[code]:
            return False
        last = code.co_code[self._last[code].f_lasti]
        return dis.opname[last].startswith("RETURN_")

    def _answers_nothing(self, code: CodeType) -> bool:
        """Whether the last call returned a constant that is not `False`."""
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
