"""Source that stands before a program: what a judge imports for every answer, a head's helpers.

It is no part of the program's source: the program keeps its line numbers and its ``from
__future__``, and a name that the program defines wins. The caller compiles it once
(`preamble.packed`); a program's process takes the code from there and puts its names into the
globals of each run.

Imports at its beginning are made once in a process, and of the names that they bind a run is given
those that its program could look up: to bind the 600 names of a judge's ``from … import *`` would
cost more than most runs. Whatever follows the imports is executed for each run, with the run's own
globals.
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

# What can look up a name that no code of the program holds.
_LOOKS_UP_TEXT = (
    "globals vars locals dir eval exec modules importlib __import__ __main__ __dict__ __globals__ "
    "__builtins__ f_globals f_locals runpy code codeop pdb bdb breakpoint timeit doctest trace "
    "profile cProfile inspect get_type_hints pickle marshal FunctionType LambdaType ForwardRef "
    "ctypes gc unittest"
)
_LOOKS_UP = frozenset(_LOOKS_UP_TEXT.split())

_Found = tuple[ModuleType, object]
"""The module that a name comes from, and its value."""


class FrontError(Exception):
    """What stands before the program failed; the message says how."""


class Front:
    """What stands before the program of this process."""

    def __init__(self, data: bytes, names: Set[str], entry_point: str, code: CodeType) -> None:
        """Make the imports. `names`: every name in the program, whose code is `code`.

        What fails here is told by every `put_into`: a run is to fail by it, as by a program.
        """
        self._failed = ""
        importing, imports, self._rest = marshal.loads(data)
        rest_names = names_of(self._rest) if self._rest else set()
        wanted = names | rest_names
        # A function that the program is to define is not to be found because a judge imports it,
        # nor where the program uses the judge's and defines none.
        own = {entry_point.partition(".")[0]}
        own = {name for name in own if name not in wanted or not _binds(code, name)}
        found = None
        if wanted.isdisjoint(_LOOKS_UP):
            found = _looked_up(imports, wanted)
        if found is None:
            try:
                found = _executed(importing, imports)
            except FrontError as error:
                found, self._failed = {}, str(error)
        self._bound = {
            name: value
            for name, (_, value) in found.items()
            if name not in own and builtins.__dict__.get(name, self) is not value
        }
        # Other objects in each run: standard streams, arguments.
        self._of_sys = [n for n in self._bound if found[n][0] is sys and n != "sys"]
        homes = {found[name][0].__name__ for name in self._bound if name in wanted}
        self.names = rest_names | homes | {home.partition(".")[0] for home in homes}
        """What the program can do by way of this, as names in its code would tell."""

    def put_into(self, module: ModuleType) -> None:
        """Give a run's module the names, and execute what is executed for each run.

        Raises `FrontError`.
        """
        if self._failed:
            raise FrontError(self._failed)
        held = module.__dict__
        held.update(self._bound)
        for name in self._of_sys:
            held[name] = sys.__dict__[name]
        if self._rest is not None:
            _execute(self._rest, held)


def names_of(code: CodeType) -> set[str]:
    """Every name that the code, or a function in it, looks up, sets or imports."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_of(constant)
    # `import os.path` and `from xml.dom import x` bind by their first part.
    return names | {name.partition(".")[0] for name in names if "." in name}


def _binds(code: CodeType, name: str) -> bool:
    """Whether a program gives one of its globals this name."""
    if name not in code.co_names and not any(isinstance(c, CodeType) for c in code.co_consts):
        return False
    top = code.co_name == "<module>"
    stores = ("STORE_GLOBAL", "STORE_NAME") if top else ("STORE_GLOBAL",)
    return any(i.opname in stores and i.argval == name for i in dis.get_instructions(code)) or any(
        _binds(c, name) for c in code.co_consts if isinstance(c, CodeType)
    )


def _looked_up(imports: Sequence[Import], wanted: Set[str]) -> dict[str, _Found] | None:
    """The wanted names as the imports would bind them, without a look at any other: each look at
    an object copies a page of a forked process. None where the imports have to be made."""
    places: list[tuple[ModuleType, str | None, str]] = []
    for module, attribute, name in imports:
        home = sys.modules.get(module)
        if home is None or (attribute not in (None, STAR) and attribute not in home.__dict__):
            return None
        places.append((home, attribute, name))
    found: dict[str, _Found] = {}
    for name in wanted:
        for home, attribute, bound in reversed(places):
            if attribute == STAR:
                if _is_public(home, name):
                    found[name] = home, home.__dict__[name]
                    break
            elif bound == name:
                found[name] = home, home if attribute is None else home.__dict__[attribute]
                break
    return found


def _executed(code: CodeType | None, imports: Sequence[Import]) -> dict[str, _Found]:
    """All that the imports bind."""
    scratch: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__"}
    if code is not None:
        _execute(code, scratch)
    places = [(sys.modules[m], bound) for m, _, bound in imports if m in sys.modules]
    found: dict[str, _Found] = {}
    for name, value in scratch.items():
        if not name.startswith("__"):
            near = [h for h, bound in places if bound == name or h.__dict__.get(name) is value]
            found[name] = near[-1] if near else builtins, value
    return found


def _is_public(module: ModuleType, name: str) -> bool:
    """Whether ``from module import *`` binds the name."""
    if name not in module.__dict__:
        return False
    public = module.__dict__.get("__all__")
    return name in public if public is not None else not name.startswith("_")


def _execute(code: CodeType, held: dict[str, Any]) -> None:
    try:
        exec(code, held)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever stands there may raise anything
        raise FrontError(f"before the program: {last_line(error)}") from None
