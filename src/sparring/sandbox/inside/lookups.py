"""Names in a script's code: what it looks up, binds and imports, told without running it."""

from __future__ import annotations

import dis
from collections.abc import Collection
from dataclasses import dataclass, field
from types import CodeType

from sparring.testnames import is_programs

_LOOKS_UP = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


@dataclass(slots=True)
class Lookups:
    """Names of one script. ``looked_up`` outside the function they stand in; ``bound`` at the top
    level, or declared global; ``imports`` has the names taken from each module, none for one that
    is imported whole; ``relative`` are the modules that were imported with a dot."""

    looked_up: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    imports: dict[str, set[str]] = field(default_factory=dict)
    relative: set[str] = field(default_factory=set)

    def of_program(self, tested: Collection[str]) -> list[str]:
        """The imported modules that stand for the program under test."""
        given = self.imports.items()
        return [m for m, names in given if m and is_programs(m, names, tested, self.attributes)]


def lookups(code: CodeType) -> Lookups:
    """The names of a script's code and of every function in it."""
    found = Lookups()
    _add(found, code, top=True)
    return found


def _add(found: Lookups, code: CodeType, *, top: bool) -> None:
    constants: list[object] = []
    module = ""
    for instruction in dis.get_instructions(code):
        name, held = instruction.opname, instruction.argval
        if name in _LOOKS_UP:
            found.looked_up.add(held)
        elif name == "STORE_GLOBAL" or (top and name == "STORE_NAME"):
            found.bound.add(held)
        elif name in _ATTRIBUTE:
            found.attributes.add(held)
        elif name == "IMPORT_NAME":
            module = held
            names, level = constants[-1], constants[-2]
            taken = set(names) if isinstance(names, tuple) else set()
            found.imports.setdefault(module, set()).update(taken)
            if level:
                found.relative.add(module)
        elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants = [*constants[-1:], held]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(found, constant, top=False)
