"""Module that suites find as ``import pytest``: `raises`, `approx`, marks, skipping; no fixtures.

The sandbox has the standard library alone, so this module replaces pytest. Other names raise an
`AttributeError` that says so. ``testnames.PYTEST`` lists the names, by which unsuitable suites are
already refused when a data set is loaded.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any

from sparring.sandbox.inside.approx import Approx
from sparring.sandbox.inside.candidate import Candidate
from sparring.sandbox.inside.exceptions import PROGRAM_CLASSES
from sparring.testnames import PYTEST

MARKS = "pytestmark"
"""Attribute of a function or class that lists its marks, as in pytest."""


class Failed(BaseException):
    """Raised by a failing check of pytest's own. A `BaseException`, as in pytest."""

    __module__ = "pytest"


class Skipped(BaseException):
    """Raised when a test, or a whole suite, skips itself."""

    __module__ = "pytest"


@dataclass(frozen=True, slots=True)
class Mark:
    """``pytest.mark.name`` with its arguments: a decorator of functions and classes."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if len(arguments) == 1 and not named and callable(arguments[0]):
            marked = arguments[0]
            # `vars`, so that a class does not append to the marks of its base class.
            marks = vars(marked).get(MARKS, [])
            setattr(marked, MARKS, [*(marks if isinstance(marks, list) else [marks]), self])
            return marked
        if self.name == "parametrize":
            # The rows may be an iterator, which could be read only once.
            arguments = (*arguments[:1], *(list(each) for each in arguments[1:2]), *arguments[2:])
        return Mark(self.name, (*self.args, *arguments), {**self.kwargs, **named})


@dataclass(frozen=True, slots=True)
class Param:
    """Case of ``parametrize`` with marks of its own: ``pytest.param``."""

    values: tuple[Any, ...]
    marks: tuple[Mark, ...] = ()


class _Marks:
    def __getattr__(self, name: str) -> Mark:
        if name == "usefixtures":
            raise AttributeError("pytest.mark.usefixtures: fixtures are not supported here")
        if name.startswith("_"):
            raise AttributeError(name)
        return Mark(name)


class Caught:
    """Object bound by ``with pytest.raises(…) as caught``: holds the exception once raised."""

    value: BaseException
    tb: TracebackType | None

    @property
    def type(self) -> type[BaseException]:
        """Class of the exception as it arrived."""
        return type(self.value)

    @property
    def typename(self) -> str:
        """Name of the exception's class as it arrived."""
        return type(self.value).__name__

    def match(self, pattern: str | re.Pattern[str]) -> bool:
        """Return True if the exception's text contains the pattern; otherwise raise `Failed`."""
        if not re.search(pattern, str(self.value)):
            raise Failed(f"pattern {str(pattern)[:60]!r} is not in {str(self.value)[:100]!r}")
        return True


class _Raises:
    def __init__(self, expected: Any, pattern: str | re.Pattern[str] | None) -> None:
        self._expected = expected if isinstance(expected, tuple) else (expected,)
        for kind in self._expected:
            if not (isinstance(kind, Candidate) or _is_exception(kind)):
                raise TypeError(f"pytest.raises takes classes of exceptions, not {kind!r}")
        self._pattern = pattern
        self._caught = Caught()

    def __enter__(self) -> Caught:
        return self._caught

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            raise Failed(f"nothing raised {', '.join(k.__name__ for k in self._expected)}")
        if not any(_is_a(error, each) for each in self._expected):
            return False
        self._caught.value, self._caught.tb = error, trace
        return self._pattern is None or self._caught.match(self._pattern)


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _is_a(error: BaseException, kind: Any) -> bool:
    """Return whether an exception is of a class; a program's own class is compared by name."""
    if not isinstance(kind, Candidate) and isinstance(error, kind):
        return True
    return kind.__name__ in getattr(error, PROGRAM_CLASSES, ())


def _raises(
    expected_exception: Any,
    *arguments: Any,
    match: str | re.Pattern[str] | None = None,
    **named: Any,
) -> Any:
    context = _Raises(expected_exception, match)
    if not arguments:
        if named:
            raise TypeError(f"pytest.raises: {', '.join(named)} is not supported here")
        return context
    function: Callable[..., Any] = arguments[0]
    with context as caught:
        function(*arguments[1:], **named)
    return caught


def _fail(reason: str = "", pytrace: bool = True, *, msg: str = "") -> None:
    raise Failed(reason or msg)


def _skip(reason: str = "", *, allow_module_level: bool = False, msg: str = "") -> None:
    raise Skipped(reason or msg)


def _param(*values: Any, marks: Mark | Sequence[Mark] = (), id: object = None) -> Param:
    return Param(values, (marks,) if isinstance(marks, Mark) else tuple(marks))


def _import_or_skip(name: str, minversion: object = None, reason: str = "") -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Skipped(reason or str(error)) from None


def _main(*arguments: object, **named: object) -> int:
    """Do nothing: the tests are run when the script has ended."""
    return 0


class _Pytest(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        supported = ", ".join(sorted(PYTEST))
        raise AttributeError(f"pytest.{name} is not supported here, only {supported}")


def module() -> ModuleType:
    """Return the module that replaces pytest."""
    pytest = _Pytest("pytest")
    pytest.__dict__.update(
        approx=Approx, fail=_fail, importorskip=_import_or_skip, main=_main,
        mark=_Marks(), param=_param, raises=_raises, skip=_skip, xfail=_skip,
    )  # fmt: skip
    _fail.Exception = Failed  # type: ignore[attr-defined]
    _skip.Exception = Skipped  # type: ignore[attr-defined]
    return pytest
