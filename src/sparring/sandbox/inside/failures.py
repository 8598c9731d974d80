"""Failures of a test script that do not leave its main thread as an exception.

Plain Python exits with status 0 after an assertion failed in a thread or in an ``atexit`` function,
and after ``unittest`` or ``doctest`` ran failing tests whose result nobody reads. A grader must not
pass such a script, because a test has failed. The first such failure counts as if the script had
ended with it.

`Failures` hooks into a test framework only in scripts that mention the framework, so that other
scripts need not import it. A result object that is no `unittest.TestResult` goes unnoticed.
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
    """Keeper of the first hidden failure; `settle` waits for late failures, `raise_first` raises
    the first."""

    def __init__(self, on_start: Callable[[object], None], calls: Callable[[], int]) -> None:
        """Begin without a failure.

        `on_start` is called with each test that ``unittest`` starts; `calls` returns the number of
        calls of the program so far.
        """
        self._calls = calls
        self._calls_before = 0
        self._first: BaseException | None = None
        self._on_start = on_start

    def watch(self, code: CodeType) -> None:
        """Hook into threads, finalisers and the test frameworks that the script mentions."""
        threading.excepthook = lambda hook: self._thread(hook.exc_type, hook.exc_value)
        sys.unraisablehook = lambda hook: self._unraisable(hook.exc_value, hook.err_msg or "")
        if _mentions(code, "unittest"):
            self._watch_unittest()
        if _mentions(code, "doctest"):
            self._watch_doctest()

    def settle(self) -> None:
        """Wait for threads and call `atexit` functions, as the interpreter does at its end."""
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
        # In a correct script too, a finaliser may fail over objects that are already torn down:
        # only its assertions count.
        called = "atexit" in where or "thread" in where  # CPython names the place in its message
        if error is not None and (called or isinstance(error, AssertionError)):
            self._thread(type(error), error)

    def _test(self, about: object, error: BaseException | None) -> None:
        text = "should have failed"
        if error is not None:
            text = traceback.format_exception_only(error)[-1].strip()
        failed = AssertionError(f"{about}: {text}")
        self._note(failed.with_traceback(error.__traceback__ if error else None))

    def _skip(self, test: object, *reason: object, **named: object) -> None:
        # The test skipped after a call: the program may be the reason, which earns no pass. A part
        # of a test (`subTest`) may skip after other parts; a skipped class has called nothing.
        is_test = hasattr(test, "_testMethodName") and not hasattr(test, "test_case")
        if is_test and self._calls() != self._calls_before:
            self._test(test, AssertionError(SKIPPED_LATE))

    def _watch_unittest(self) -> None:
        import unittest

        def hooked(method: Callable[..., Any], kind: str) -> Callable[..., Any]:
            @functools.wraps(method)
            def noting(results: object, *arguments: Any, **named: Any) -> Any:
                if kind == _START:
                    self._on_start(*arguments, **named)
                    self._calls_before = self._calls()
                    return method(results, *arguments, **named)
                if kind == _SKIP:
                    self._skip(*arguments, **named)
                    return method(results, *arguments, **named)
                about, error = _test_and_error(kind, [*arguments, *named.values()])
                if error is not None or kind == "addUnexpectedSuccess":
                    self._test(about, error)
                return method(results, *arguments, **named)

            return noting

        def listen(cls: type) -> None:
            for name in (_START, _SKIP, *_TEST_METHODS):
                if callable(own := cls.__dict__.get(name)):
                    setattr(cls, name, hooked(own, name))

        def inherited(cls: Any, /, **named: Any) -> None:
            super(unittest.TestResult, cls).__init_subclass__(**named)  # type: ignore[misc]
            listen(cls)

        listen(unittest.TestResult)
        # A subclass in the script may override these methods without calling the base's.
        unittest.TestResult.__init_subclass__ = classmethod(inherited)  # type: ignore[assignment]

    def _watch_doctest(self) -> None:
        import doctest

        run = doctest.DocTestRunner.run

        @functools.wraps(run)
        def noting(*arguments: Any, **named: Any) -> Any:
            results = run(*arguments, **named)
            if results.failed:
                text = f"{results.failed} of {results.attempted} examples in docstrings failed"
                self._note(AssertionError(text))
            return results

        doctest.DocTestRunner.run = noting  # type: ignore[method-assign]


def _test_and_error(kind: str, arguments: list[Any]) -> tuple[object, BaseException | None]:
    """Return the test's name and its exception from the arguments of a result's method `kind`."""
    about = arguments[1] if kind == "addSubTest" and len(arguments) > 1 else arguments[0]
    exc_infos = [each for each in arguments if isinstance(each, tuple) and len(each) == 3]
    name = about.id() if hasattr(about, "id") else about
    return name, exc_infos[0][1] if exc_infos else None


def _mentions(code: CodeType, word: str) -> bool:
    """Return whether a name or text in the code, or in a function within, contains the word."""
    texts = [*code.co_names, *(each for each in code.co_consts if isinstance(each, str))]
    functions = [each for each in code.co_consts if isinstance(each, CodeType)]
    return any(word in text for text in texts) or any(_mentions(each, word) for each in functions)
