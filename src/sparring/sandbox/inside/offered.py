"""What a script finds of the program that it tests: functions, plain data, a class, a module.

A function is a `Candidate`. Data is asked for when the script begins, under the names that the
script looks up and nothing of its own binds, and comes as a plain value: what the program does to
it later is not seen. ``from solution import f`` finds a module in which every name is one of
these. A class, of an entry point ``Class.method``, is made without arguments for each call, so its
instances carry no state from one call to the next.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import ModuleType
from typing import Any

from sparring.sandbox.inside.candidate import Candidate, Line
from sparring.sandbox.inside.lookups import Lookups
from sparring.testnames import CANDIDATE, names_a_test, tested_names

_PACKAGE = "suite"
"""What a script with relative imports belongs to."""


class Offered:
    """The program's names, as one script may use them."""

    def __init__(self, line: Line, entry_point: str) -> None:
        self._line = line
        self.tested = tested_names(entry_point)
        self.candidate = Candidate(line, self.tested[0])

    def names(self, used: Lookups) -> dict[str, Any]:
        """Values for the names that a script looks up. Its own definitions will replace some.

        Not so names that tests have: a script without its ``check`` must not be given the
        program's.
        """
        others = {n for n in used.looked_up if not hasattr(builtins, n) and not names_a_test(n)}
        others -= set(self.tested)
        given = {name: self._named(name) for name in others}
        given |= self._line.ask_data(sorted(others - used.bound))
        given |= {name: self._named(name) for name in self.tested[1:]}
        return given | {CANDIDATE: self.candidate, self.tested[0]: self.candidate}

    def modules(self, script: ModuleType, used: Lookups) -> None:
        """Put a module where the script imports one that stands for the program."""
        if used.relative:
            script.__package__ = _PACKAGE
        for name in used.of_program(self.tested):
            full = f"{_PACKAGE}.{name}" if name in used.relative else name
            if name in used.relative or importlib.util.find_spec(name.partition(".")[0]) is None:
                self._put(full)

    def _put(self, name: str) -> None:
        sys.modules[name] = module = _ProgramModule(name, self)
        while name.count("."):  # `import package.solution` binds the package
            name, _, last = name.rpartition(".")
            package = sys.modules.setdefault(name, ModuleType(name))
            setattr(package, last, module)
            module = package  # type: ignore[assignment]

    def of_module(self, name: str) -> Any:
        """What the program's module has under a name. Raises `AttributeError`."""
        if name not in self.tested:
            if names_a_test(name):
                raise AttributeError(f"no test is taken from the program: {name}")
            data = self._line.ask_data([name])
            if name in data:
                return data[name]
        return self._named(name)

    def _named(self, name: str) -> Any:
        if name == self.tested[0]:
            return self.candidate
        if name in self.tested:
            return _Class(self._line, name, self.candidate)
        return Candidate(self._line, name, entry_point=False)


class _ProgramModule(ModuleType):
    """The program as a module. `from … import *` binds nothing: the names are there already."""

    def __init__(self, name: str, offered: Offered) -> None:
        super().__init__(name)
        self.__dict__["__all__"] = ()
        self.__dict__["_offered"] = offered

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__["_offered"].of_module(name)


class _Class:
    """Stands for the class of an entry point ``Class.method``."""

    def __init__(self, line: Line, name: str, method: Candidate) -> None:
        self._line = line
        self._method = method
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: object, **named: object) -> _Instance:
        if arguments or named:
            raise TypeError(f"{self.__name__}, of the program, is made without arguments")
        return _Instance(self)

    def method(self, name: str) -> Candidate:
        """The method of a fresh instance."""
        if name == self._method.__name__:
            return self._method
        return Candidate(self._line, f"{self.__name__}.{name}", entry_point=False)


class _Instance:
    def __init__(self, cls: _Class) -> None:
        self._cls = cls

    def __getattr__(self, name: str) -> Candidate:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._cls.method(name)
