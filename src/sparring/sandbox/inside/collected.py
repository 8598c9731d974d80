"""Running the tests that a script defines and does not run itself.

As pytest collects them: functions ``test…``, methods ``test…`` of classes ``Test…``, and
``unittest`` classes of any name, each method on an object of its own, with what stands before and
after it (``setup_method``, ``setUp``, …). Not what the script ran to its end (`OwnRuns`), nor
functions with parameters that it mentions elsewhere, which are helpers. One parameter is given the
candidate; there are no fixtures.

The first test that fails ends it. Its `AssertionError` names the test; other exceptions are raised
as they are.
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
from sparring.sandbox.inside.own_runs import OwnRuns
from sparring.sandbox.inside.parametrized import cases, marks_of
from sparring.sandbox.inside.pytest_names import Failed, Mark, Skipped
from sparring.testnames import CHECK, names_a_test


@dataclass(frozen=True, slots=True)
class Suite:
    """A script's module after it ran, what it ran itself and mentions, and the candidate.

    ``until_exit`` calls a function that may exit, and makes of the status what it means;
    ``calls`` says how often the program has been called.
    """

    module: ModuleType
    own: OwnRuns
    mentioned: Set[str]
    candidate: Any
    until_exit: Callable[..., None]
    calls: Callable[[], int]

    def run(self) -> None:
        """Run every test that was not run. Raises what the first failing one raised."""
        held = self.module.__dict__
        own = [(name, value) for name, value in held.items() if self._is_own(value)]
        functions = [(n, v) for n, v in own if isinstance(v, FunctionType) and self._waits(n, v)]
        classes = dict.fromkeys(v for n, v in own if isinstance(v, type) and _is_class(n, v))
        units = dict.fromkeys(v for _, v in own if isinstance(v, type) and _is_unit(v))
        if functions or classes:
            _hook(held.get("setup_module"), self.module)
        for name, function in functions:
            self._function(name, function)
        for cls in classes:
            self._class(cls, cls.__name__, [])
        if functions or classes:
            _hook(held.get("teardown_module"), self.module)
        if units:
            self._units(list(units))

    def run_what_is_called_so(self) -> None:
        """Run functions that only by their names are tests (``check_solution``, ``run_tests``).

        For a script that never called the program: nothing else of it can be its tests.
        """
        for name, value in list(self.module.__dict__.items()):
            if isinstance(value, FunctionType) and self._is_own(value) and names_a_test(name):
                pytests = name.startswith("test") or name == CHECK
                if not pytests and name not in self.mentioned and len(required(value)) <= 1:
                    self._call(name, value, {})

    def _is_own(self, value: Any) -> bool:
        """Whether a function or class is the script's own, and not one that it imported."""
        if isinstance(value, FunctionType):
            return inspect.unwrap(value).__globals__ is self.module.__dict__
        return isinstance(value, type) and value.__module__ == self.module.__name__

    def _waits(self, name: str, function: FunctionType) -> bool:
        """Whether a function is a test that is still to be run."""
        if not name.startswith("test") or getattr(function, "__test__", True) is False:
            return False
        helps = name in self.mentioned and required(function) and not marks_of(function)
        return not helps and not self.own.ran(function)

    def _function(self, name: str, function: FunctionType) -> None:
        def run(shown: str, given: dict[str, Any]) -> None:
            _hook(self.module.__dict__.get("setup_function"), function)
            try:
                self._call(shown, function, given)
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
        def run(shown: str, given: dict[str, Any]) -> None:
            test = getattr(cls(), method)
            instance = getattr(test, "__self__", None)
            _hook(getattr(instance, "setup_method", None), test)
            try:
                self._call(shown, test, given)
            finally:
                _hook(getattr(instance, "teardown_method", None), test)

        _each(name, [*marks, *marks_of(getattr(cls, method))], run)

    def _call(self, name: str, test: Callable[..., Any], given: dict[str, Any]) -> None:
        left = [each for each in required(test) if each not in given]
        if len(left) > 1:
            raise TypeError(f"{name}() takes {', '.join(left)}: fixtures are not given here")
        given = given | dict.fromkeys(left, self.candidate)
        before = self.calls()
        try:
            self.until_exit(lambda: finished(test(**given), name))
        except Skipped:
            # What the program did may have been the reason: that earns no pass.
            if self.calls() != before:
                raise AssertionError(f"{name}: {SKIPPED_LATE}") from None
        except (AssertionError, Failed) as error:
            failed = AssertionError(f"{name}: {error}" if str(error) else name)
            raise failed.with_traceback(error.__traceback__) from None

    def _units(self, classes: list[type]) -> None:
        """Run ``unittest`` classes, but for the tests that were run. `Failures` listens."""
        import unittest  # large, and few suites need it; these have imported it

        load = unittest.defaultTestLoader.loadTestsFromTestCase
        suite = unittest.TestSuite()
        for cls in classes:
            tests: list[Any] = list(load(cls))
            suite.addTests(test for test in tests if not self.own.ran_unit(test))
        suite.run(unittest.TestResult())


def finished(result: Any, name: str) -> None:
    """Run what a test only prepares; `False` is its word that it failed."""
    if inspect.iscoroutine(result):
        import asyncio  # large, and few suites need it

        result = asyncio.run(result)
    elif inspect.isgenerator(result):
        collections.deque(result, maxlen=0)
        return
    assert result is not False, f"{name} returned False"


def required(function: Callable[..., Any]) -> list[str]:
    """The parameters that a call has to give, as far as it says."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # some of Python's own do not say
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    empty = inspect.Parameter.empty
    return [p.name for p in parameters if p.default is empty and p.kind not in variable]


def _each(name: str, marks: list[Mark], run: Callable[[str, dict[str, Any]], None]) -> None:
    """Run a test once for each of its cases."""
    for case in cases(marks):
        if case.skipped():
            continue
        expected = case.expected_failure()
        if expected is None:
            run(name + case.shown, case.given)
            continue
        try:
            run(name + case.shown, case.given)
        except Exception:  # noqa: BLE001  # however it fails, it was expected to
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
    """Call what stands before or after tests, with the test, class or module if it takes that."""
    if callable(hook):
        hook(*[about][: len(required(hook))])
