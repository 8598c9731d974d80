"""Failures of a test script that do not come out of its main thread as an exception.

Plain Python exits with status 0 after a thread or an ``atexit`` function has died of an assertion,
and after ``unittest`` or ``doctest`` ran failing tests whose result nobody looks at. Whoever grades
must not: something that was tested there was found wrong. The first such failure counts as if the
script had ended with it.

Test frameworks are listened to only in scripts that mention them, so that others need not import
them. What is not noticed: a result object that is no `unittest.TestResult`.
"""

from __future__ import annotations

import atexit
import functools
import sys
import threading
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

SKIPPED_LATE = "left itself out after it had called the program"
_START, _SKIP = "startTest", "addSkip"
_TEST_METHODS = ("addFailure", "addError", "addSubTest", "addUnexpectedSuccess")


class Failures:
    """The first failure is kept; `settle` waits for the last that may come, `raise_first` tells."""

    def __init__(self, on_start: Callable[[object], None], calls: Callable[[], int]) -> None:
        """No failure yet; `on_start` is told of each test that ``unittest`` starts, `calls` says
        how often the program has been called."""
        self._calls = calls
        self._calls_before = 0
        self._first: BaseException | None = None
        self._on_start = on_start

    def watch(self, code: CodeType) -> None:
        """Listen to threads, finalisers and the test frameworks that the script mentions."""
        threading.excepthook = lambda told: self._thread(told.exc_type, told.exc_value)
        sys.unraisablehook = lambda told: self._unraisable(told.exc_value, told.err_msg or "")
        if _mentions(code, "unittest"):
            self._watch_unittest()
        if _mentions(code, "doctest"):
            self._watch_doctest()

    def settle(self) -> None:
        """What the interpreter does at its end: wait for threads, call `atexit` functions."""
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()

    def raise_first(self) -> None:
        """Raise the first failure, if there was one."""
        if self._first is not None:
            raise self._first

    def _note(self, error: BaseException) -> None:
        if self._first is None:
            self._first = error

    def _thread(self, kind: type[BaseException], error: BaseException | None) -> None:
        if not issubclass(kind, SystemExit):
            self._note(error or kind())

    def _unraisable(self, error: BaseException | None, where: str) -> None:
        # A finaliser may fall over what is half gone already, also in a script that is right.
        called = "atexit" in where or "thread" in where
        if error is not None and (called or isinstance(error, AssertionError)):
            self._thread(type(error), error)

    def _test(self, about: object, error: BaseException | None) -> None:
        text = "should have failed"
        if error is not None:
            text = traceback.format_exception_only(error)[-1].strip()
        failed = AssertionError(f"{about}: {text}")
        self._note(failed.with_traceback(error.__traceback__ if error else None))

    def _skip(self, test: object, *reason: object, **named: object) -> None:
        # What the program did may have been the reason: that earns no pass. A part of a test
        # (`subTest`) may well leave itself out after others; a class has called nothing.
        whole = hasattr(test, "_testMethodName") and not hasattr(test, "test_case")
        if whole and self._calls() != self._calls_before:
            self._test(test, AssertionError(SKIPPED_LATE))

    def _watch_unittest(self) -> None:
        import unittest

        def listened_to(method: Callable[..., Any], kind: str) -> Callable[..., Any]:
            @functools.wraps(method)
            def told(result: object, *given: Any, **named: Any) -> Any:
                if kind == _START:
                    self._on_start(*given, **named)
                    self._calls_before = self._calls()
                    return method(result, *given, **named)
                if kind == _SKIP:
                    self._skip(*given, **named)
                    return method(result, *given, **named)
                about, error = _told(kind, [*given, *named.values()])
                if error is not None or kind == "addUnexpectedSuccess":
                    self._test(about, error)
                return method(result, *given, **named)

            return told

        def listen(cls: type) -> None:
            for name in (_START, _SKIP, *_TEST_METHODS):
                if callable(own := cls.__dict__.get(name)):
                    setattr(cls, name, listened_to(own, name))

        def inherited(cls: Any, /, **named: Any) -> None:
            super(unittest.TestResult, cls).__init_subclass__(**named)  # type: ignore[misc]
            listen(cls)

        listen(unittest.TestResult)
        # A class of the script's own may override these without calling ours.
        unittest.TestResult.__init_subclass__ = classmethod(inherited)  # type: ignore[assignment]

    def _watch_doctest(self) -> None:
        import doctest

        run = doctest.DocTestRunner.run

        @functools.wraps(run)
        def told(*given: Any, **named: Any) -> Any:
            results = run(*given, **named)
            if results.failed:
                text = f"{results.failed} of {results.attempted} examples in docstrings failed"
                self._note(AssertionError(text))
            return results

        doctest.DocTestRunner.run = told  # type: ignore[method-assign]


def _told(kind: str, given: list[Any]) -> tuple[object, BaseException | None]:
    """Of a result's method's arguments: the test's name and the error."""
    about = given[1] if kind == "addSubTest" and len(given) > 1 else given[0]
    found = [each for each in given if isinstance(each, tuple) and len(each) == 3]
    name = about.id() if hasattr(about, "id") else about
    return name, found[0][1] if found else None


def _mentions(code: CodeType, word: str) -> bool:
    """Whether a name or a text in the code, or in a function in it, holds the word."""
    held = [*code.co_names, *(each for each in code.co_consts if isinstance(each, str))]
    inside = [each for each in code.co_consts if isinstance(each, CodeType)]
    return any(word in text for text in held) or any(_mentions(each, word) for each in inside)
