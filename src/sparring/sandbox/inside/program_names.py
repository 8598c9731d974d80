"""Names of the program that a test script finds: functions, plain data, a class, a module.

- A function is a `Candidate`, a proxy that calls the program.
- Data arrives as a plain value when the script begins, under the names that the script looks up
  and does not bind. The script does not see later changes of the data.
- ``from solution import f`` finds a module whose names are such functions and data.
- A class belongs to an entry point ``Class.method``. The program makes a new instance, without
  arguments, for each call, so instances carry no state from one call to the next.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import ModuleType
from typing import Any

from sparring.sandbox.inside.candidate import Candidate, ProgramPipe
from sparring.sandbox.inside.lookups import Lookups
from sparring.testnames import CANDIDATE, names_a_test, tested_names

_PACKAGE = "suite"
"""Package to which a script with relative imports belongs."""


class Offered:
    """Names of the program, as one script may use them."""

    def __init__(self, line: ProgramPipe, entry_point: str) -> None:
        self._line = line
        self.tested = tested_names(entry_point)
        self.candidate = Candidate(line, self.tested[0])

    def names(self, used: Lookups) -> dict[str, Any]:
        """Return values for the names that a script looks up. The script's own definitions replace
        some of them.

        Names of tests are left out: a script that lacks its own ``check`` must not call the
        program's ``check`` instead, which would pass.
        """
        others = {n for n in used.looked_up if not hasattr(builtins, n) and not names_a_test(n)}
        others -= set(self.tested)
        # In this order: a proxy for every name, then data where the program has some.
        values = {name: self._named(name) for name in others}
        values |= self._line.ask_data(sorted(others - used.bound))
        values |= {name: self._named(name) for name in self.tested[1:]}
        return values | {CANDIDATE: self.candidate, self.tested[0]: self.candidate}

    def modules(self, script: ModuleType, used: Lookups) -> None:
        """Provide the modules that stand for the program, under the names that the script imports.

        A module that Python can find keeps its meaning: ``import heapq`` is no program.
        """
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
        """Return an attribute of the program's module: plain data, or a proxy that is called.

        Raises `AttributeError` for the name of a test.
        """
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
    """Module that stands for the program. Its `__all__` is empty: the names are already bound."""

    def __init__(self, name: str, offered: Offered) -> None:
        super().__init__(name)
        self.__dict__["__all__"] = ()
        self.__dict__["_offered"] = offered

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__["_offered"].of_module(name)


class _Class:
    """Stand-in for the class of an entry point ``Class.method``."""

    def __init__(self, line: ProgramPipe, name: str, method: Candidate) -> None:
        self._line = line
        self._method = method
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: object, **named: object) -> _Instance:
        if arguments or named:
            raise TypeError(f"{self.__name__} is a class of the program: make it without arguments")
        return _Instance(self)

    def method(self, name: str) -> Candidate:
        """Return a proxy for the method `name` of a new instance."""
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
