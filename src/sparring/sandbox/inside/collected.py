"""Running the tests that a script defines and does not run itself.

Tests are collected by pytest's rules: functions ``test…``, methods ``test…`` of classes ``Test…``,
and ``unittest`` classes of any name. Each method runs on an object of its own, between its hooks
(``setup_method``, ``setUp``, …). Two kinds are left out: tests that the script ran to their ends
(`SelfRunTests`), and functions with parameters that the script mentions elsewhere, which are
helpers. A single parameter receives the candidate; there are no fixtures.

The first failing test ends the suite. An `AssertionError` is raised with the test's name; other
exceptions are raised as they are.
"""

from __future__ import annotations

import collections
import inspect
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from sparring.sandbox.inside.failures import SKIPPED_LATE
from sparring.sandbox.inside.parametrized import cases, marks_of
from sparring.sandbox.inside.pytest_names import Failed, Mark, Skipped
from sparring.sandbox.inside.self_run_tests import SelfRunTests
from sparring.testnames import CHECK, names_a_test


@dataclass(frozen=True, slots=True)
class ScriptSuite:
    """Tests of a script whose module has been executed.

    ``own`` holds the tests that the script ran itself, ``mentioned`` the names that its code looks
    up. ``until_exit`` calls a function that may exit, and raises for a failing status. ``calls``
    returns the number of calls of the program so far.
    """

    module: ModuleType
    own: SelfRunTests
    mentioned: Set[str]
    candidate: Any
    until_exit: Callable[..., None]
    calls: Callable[[], int]

    def run(self) -> None:
        """Run every test that has not run yet. Raises the exception of the first that fails."""
        namespace = self.module.__dict__
        own = [(name, value) for name, value in namespace.items() if self._is_own(value)]
        functions = [
            (n, v) for n, v in own if isinstance(v, FunctionType) and self._is_pending(n, v)
        ]
        classes = dict.fromkeys(v for n, v in own if isinstance(v, type) and _is_class(n, v))
        units = dict.fromkeys(v for _, v in own if isinstance(v, type) and _is_unit(v))
        if functions or classes:
            _hook(namespace.get("setup_module"), self.module)
        for name, function in functions:
            self._function(name, function)
        for cls in classes:
            self._class(cls, cls.__name__, [])
        if functions or classes:
            _hook(namespace.get("teardown_module"), self.module)
        if units:
            self._units(list(units))

    def run_tests_by_name(self) -> None:
        """Run functions that are tests by their names alone (``check_solution``, ``run_tests``).

        For a script that never called the program, in which nothing else can be a test.
        """
        for name, value in list(self.module.__dict__.items()):
            if isinstance(value, FunctionType) and self._is_own(value) and names_a_test(name):
                pytests = name.startswith("test") or name == CHECK
                if not pytests and name not in self.mentioned and len(required(value)) <= 1:
                    self._call(name, value, {})

    def _is_own(self, value: Any) -> bool:
        """Return whether a function or class is defined in the script, not imported by it."""
        if isinstance(value, FunctionType):
            return inspect.unwrap(value).__globals__ is self.module.__dict__
        return isinstance(value, type) and value.__module__ == self.module.__name__

    def _is_pending(self, name: str, function: FunctionType) -> bool:
        """Return whether a function is a test that has not run yet."""
        if not name.startswith("test") or getattr(function, "__test__", True) is False:
            return False
        helps = name in self.mentioned and required(function) and not marks_of(function)
        return not helps and not self.own.ran(function)

    def _function(self, name: str, function: FunctionType) -> None:
        def run(shown: str, values: dict[str, Any]) -> None:
            _hook(self.module.__dict__.get("setup_function"), function)
            try:
                self._call(shown, function, values)
            finally:
                _hook(self.module.__dict__.get("teardown_function"), function)

        _each(name, marks_of(function), run)

    def _class(self, cls: type, name: str, marks: list[Mark]) -> None:
        marks = [*marks, *marks_of(cls)]
        _hook(getattr(cls, "setup_class", None), cls)
        for method in _methods(cls):
            if not self.own.ran(getattr(cls, method)):
                self._method(cls, method, f"{name}.{method}", marks)
        for inner, value in list(vars(cls).items()):
            if isinstance(value, type) and _is_class(inner, value):
                self._class(value, f"{name}.{inner}", marks)
        _hook(getattr(cls, "teardown_class", None), cls)

    def _method(self, cls: type, method: str, name: str, marks: list[Mark]) -> None:
        def run(shown: str, values: dict[str, Any]) -> None:
            test = getattr(cls(), method)
            instance = getattr(test, "__self__", None)
            _hook(getattr(instance, "setup_method", None), test)
            try:
                self._call(shown, test, values)
            finally:
                _hook(getattr(instance, "teardown_method", None), test)

        _each(name, [*marks, *marks_of(getattr(cls, method))], run)

    def _call(self, name: str, test: Callable[..., Any], values: dict[str, Any]) -> None:
        """Call a test; a single parameter without a value receives the candidate."""
        unbound = [each for each in required(test) if each not in values]
        if len(unbound) > 1:
            raise TypeError(f"{name}() takes {', '.join(unbound)}: fixtures are not supported here")
        values = values | dict.fromkeys(unbound, self.candidate)
        calls_before = self.calls()
        try:
            self.until_exit(lambda: finished(test(**values), name))
        except Skipped:
            # The test skipped after a call. The program may be the reason, so the skip earns no
            # pass.
            if self.calls() != calls_before:
                raise AssertionError(f"{name}: {SKIPPED_LATE}") from None
        except (AssertionError, Failed) as error:
            failed = AssertionError(f"{name}: {error}" if str(error) else name)
            raise failed.with_traceback(error.__traceback__) from None

    def _units(self, classes: list[type]) -> None:
        """Run the tests of ``unittest`` classes that have not run; `Failures` notes a failure."""
        import unittest  # large, and few suites need it; these have imported it

        load = unittest.defaultTestLoader.loadTestsFromTestCase
        suite = unittest.TestSuite()
        for cls in classes:
            tests: list[Any] = list(load(cls))
            suite.addTests(test for test in tests if not self.own.ran_unit(test))
        suite.run(unittest.TestResult())


def finished(returned: Any, name: str) -> None:
    """Run the coroutine or generator that a test returned. Raises `AssertionError` for False."""
    if inspect.iscoroutine(returned):
        import asyncio  # large, and few suites need it

        returned = asyncio.run(returned)
    elif inspect.isgenerator(returned):
        collections.deque(returned, maxlen=0)
        return
    assert returned is not False, f"{name} returned False"


def required(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters without a default; none where no signature is known."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # some of Python's own functions have no signature
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    empty = inspect.Parameter.empty
    return [p.name for p in parameters if p.default is empty and p.kind not in variable]


def _each(name: str, marks: list[Mark], run: Callable[[str, dict[str, Any]], None]) -> None:
    """Run a test once for each of its cases, by its marks."""
    for case in cases(marks):
        if case.skipped():
            continue
        expected = case.expected_failure()
        if expected is None:
            run(name + case.shown, case.values)
            continue
        try:
            run(name + case.shown, case.values)
        except Exception:  # noqa: BLE001  # `xfail` expects any failure
            continue
        if expected.kwargs.get("strict"):
            raise AssertionError(f"{name}{case.shown}: should have failed")


def _is_unit(cls: type) -> bool:
    case = getattr(sys.modules.get("unittest"), "TestCase", None)
    return isinstance(case, type) and issubclass(cls, case)


def _is_class(name: str, cls: type) -> bool:
    if not name.startswith("Test") or _is_unit(cls) or required(cls):
        return False
    return getattr(cls, "__test__", True) is not False


def _methods(cls: type) -> list[str]:
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    return [n for n in names if n.startswith("test") and callable(getattr(cls, n, None))]


def _hook(hook: Any, about: object) -> None:
    """Call a setup or teardown function, with the test, class or module if it takes an argument."""
    if callable(hook):
        hook(*[about][: len(required(hook))])
