"""Names that a script's code looks up, binds and imports, found without running the script."""

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
    """Names of one script, by the use that its code makes of them.

    - ``looked_up``: names that code reads from outside its own function.
    - ``bound``: names assigned at the top level or declared global.
    - ``attributes``: names read as attributes.
    - ``imports``: the names taken from each module; none for a module that is imported whole.
    - ``relative``: the modules that were imported with a dot.
    """

    looked_up: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    imports: dict[str, set[str]] = field(default_factory=dict)
    relative: set[str] = field(default_factory=set)

    def of_program(self, tested: Collection[str]) -> list[str]:
        """Return the imported modules that stand for the program under test."""
        items = self.imports.items()
        return [m for m, names in items if m and is_programs(m, names, tested, self.attributes)]


def lookups(code: CodeType) -> Lookups:
    """Return the names of a script's code and of every function within it."""
    names = Lookups()
    _add(names, code, top=True)
    return names


def _add(uses: Lookups, code: CodeType, *, top: bool) -> None:
    # An import is preceded by two constants: the level (dots) and the names that are taken.
    constants: list[object] = []
    module = ""
    for instruction in dis.get_instructions(code):
        operation, argument = instruction.opname, instruction.argval
        if operation in _LOOKS_UP:
            uses.looked_up.add(argument)
        elif operation == "STORE_GLOBAL" or (top and operation == "STORE_NAME"):
            uses.bound.add(argument)
        elif operation in _ATTRIBUTE:
            uses.attributes.add(argument)
        elif operation == "IMPORT_NAME":
            module = argument
            names, level = constants[-1], constants[-2]
            taken = set(names) if isinstance(names, tuple) else set()
            uses.imports.setdefault(module, set()).update(taken)
            if level:
                uses.relative.add(module)
        elif operation in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants = [*constants[-1:], argument]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(uses, constant, top=False)
