"""Preamble of a program, in the program's process: a judge's imports, or helpers from a prompt's
head.

The preamble is no part of the program's source. The program keeps its line numbers and its ``from
__future__``, and a name that the program defines wins. The caller compiles the preamble once
(`preamble.packed`); a program's process puts its names into the globals of each execution.

- Imports at the preamble's beginning are made once in a process. An execution receives an imported
  name only if its program could look the name up, because binding the 600 names of a judge's ``from
  … import *`` would cost more than most executions.
- Code after the imports is executed for each execution, with its own globals.
"""

from __future__ import annotations

import builtins
import dis
import marshal
import sys
from collections.abc import Sequence, Set
from types import CodeType, ModuleType
from typing import Any

from sparring.sandbox.details import last_line
from sparring.sandbox.preamble import STAR, Import

# Names by which a program can look up a name that stands nowhere in its code.
_LOOKS_UP_TEXT = (
    "globals vars locals dir eval exec modules importlib __import__ __main__ __dict__ __globals__ "
    "__builtins__ f_globals f_locals runpy code codeop pdb bdb breakpoint timeit doctest trace "
    "profile cProfile inspect get_type_hints pickle marshal FunctionType LambdaType ForwardRef "
    "ctypes gc unittest"
)
_LOOKS_UP = frozenset(_LOOKS_UP_TEXT.split())

_Found = tuple[ModuleType, object]
"""Module that a name comes from, and the name's value."""


class PreambleError(Exception):
    """Raised when the preamble of a program fails; the message says how."""


class LoadedPreamble:
    """Preamble of the program of this process."""

    def __init__(self, data: bytes, names: Set[str], entry_point: str, code: CodeType) -> None:
        """Make the imports of a packed preamble.

        `names` are all names in the program, whose code is `code`. A failure is kept and raised by
        every `put_into`, so that each execution fails by it, as by an error of the program.
        """
        self._failed = ""
        importing, imports, self._rest = marshal.loads(data)
        rest_names = names_of(self._rest) if self._rest else set()
        wanted = names | rest_names
        # A program that defines no entry point must fail. A judge may import a function of that
        # name; unhidden, the judge's function would answer in place of the program's.
        hidden = {entry_point.partition(".")[0]}
        hidden = {name for name in hidden if name not in wanted or not _binds(code, name)}
        imported = None
        if wanted.isdisjoint(_LOOKS_UP):
            imported = _looked_up(imports, wanted)
        if imported is None:
            try:
                imported = _executed(importing, imports)
            except PreambleError as error:
                imported, self._failed = {}, str(error)
        self._bound = {
            name: value
            for name, (_, value) in imported.items()
            if name not in hidden and builtins.__dict__.get(name, self) is not value
        }
        # `sys.stdin`, `sys.argv` and others are new objects in each execution.
        self._of_sys = [n for n in self._bound if imported[n][0] is sys and n != "sys"]
        homes = {imported[name][0].__name__ for name in self._bound if name in wanted}
        self.names = rest_names | homes | {home.partition(".")[0] for home in homes}
        """Names that the preamble puts within the program's reach, for `restore.Traces`."""

    def put_into(self, module: ModuleType) -> None:
        """Bind the imported names in an execution's module, and execute the rest of the preamble.

        Raises `PreambleError`.
        """
        if self._failed:
            raise PreambleError(self._failed)
        names = module.__dict__
        names.update(self._bound)
        for name in self._of_sys:
            names[name] = sys.__dict__[name]
        if self._rest is not None:
            _execute(self._rest, names)


def names_of(code: CodeType) -> set[str]:
    """Return every name that the code, or a function within it, looks up, sets or imports."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_of(constant)
    # `import os.path` binds the name `os`.
    return names | {name.partition(".")[0] for name in names if "." in name}


def _binds(code: CodeType, name: str) -> bool:
    """Return whether the code, or a function within it, assigns the global `name`."""
    if name not in code.co_names and not any(isinstance(c, CodeType) for c in code.co_consts):
        return False
    top = code.co_name == "<module>"
    stores = ("STORE_GLOBAL", "STORE_NAME") if top else ("STORE_GLOBAL",)
    return any(i.opname in stores and i.argval == name for i in dis.get_instructions(code)) or any(
        _binds(c, name) for c in code.co_consts if isinstance(c, CodeType)
    )


def _looked_up(imports: Sequence[Import], wanted: Set[str]) -> dict[str, _Found] | None:
    """Return the wanted names as the imports would bind them; None if they must be executed.

    No other name is looked at, because each look at an object counts a reference and so copies a
    page of a forked process.
    """
    places: list[tuple[ModuleType, str | None, str]] = []
    for module, attribute, name in imports:
        home = sys.modules.get(module)
        if home is None or (attribute not in (None, STAR) and attribute not in home.__dict__):
            return None
        places.append((home, attribute, name))
    values: dict[str, _Found] = {}
    for name in wanted:
        for home, attribute, bound in reversed(places):  # a later import wins
            if attribute == STAR:
                if _is_public(home, name):
                    values[name] = home, home.__dict__[name]
                    break
            elif bound == name:
                values[name] = home, home if attribute is None else home.__dict__[attribute]
                break
    return values


def _executed(code: CodeType | None, imports: Sequence[Import]) -> dict[str, _Found]:
    """Execute the imports; return every name that they bind."""
    scratch: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__"}
    if code is not None:
        _execute(code, scratch)
    places = [(sys.modules[m], bound) for m, _, bound in imports if m in sys.modules]
    values: dict[str, _Found] = {}
    for name, value in scratch.items():
        if not name.startswith("__"):
            homes = [h for h, bound in places if bound == name or h.__dict__.get(name) is value]
            values[name] = homes[-1] if homes else builtins, value
    return values


def _is_public(module: ModuleType, name: str) -> bool:
    """Return whether ``from module import *`` binds the name."""
    if name not in module.__dict__:
        return False
    public = module.__dict__.get("__all__")
    return name in public if public is not None else not name.startswith("_")


def _execute(code: CodeType, names: dict[str, Any]) -> None:
    try:
        exec(code, names)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  # a preamble may raise anything
        raise PreambleError(f"before the program: {last_line(error)}") from None
