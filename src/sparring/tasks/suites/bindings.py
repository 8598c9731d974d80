"""Names in straight code: the constants, functions and results that they stand for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.tasks.suites.called import Arguments, Names
from sparring.tasks.suites.constants import CONSTANTS, NotConstant, bounded, changeable, dotted


@dataclass(frozen=True, slots=True)
class Meaning:
    """One of: a value; one call's result; endings of names that the function goes by (``""`` for
    the function itself, ``".f"`` for an object that has it); parts of a row; or nothing known."""

    constant: tuple[Any] | None = None
    result: Arguments | None = None
    endings: tuple[str, ...] = ()
    parts: tuple[Meaning, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept(Mapping[str, Any]):
    """Constants, without those that hold what was handed on."""

    constants: Mapping[str, Any]
    handed: Mapping[int, object]

    def __getitem__(self, name: str) -> Any:
        value = self.constants[name]
        if self.handed and any(id(part) in self.handed for part in changeable(value)):
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.constants)

    def __len__(self) -> int:
        return len(self.constants)


@dataclass(slots=True)
class Bindings:
    """Names of one scope, followed from statement to statement."""

    functions: set[str]
    constants: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Arguments] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    """Every name that the function has gone by, in this scope or one inside of it."""
    handed: dict[int, object] = field(default_factory=dict)
    """Lists and their like that a call was given, which it may have changed; of all scopes."""

    def __post_init__(self) -> None:
        self.ever |= self.functions

    def names(self) -> Names:
        """Their meanings here and now."""
        return Names(frozenset(self.functions), _Kept(self.constants, self.handed), self.results)

    def inside(self) -> Bindings:
        """A scope inside of this one, or a branch of it."""
        return Bindings(
            set(self.functions), dict(self.constants), dict(self.results), self.ever, self.handed
        )

    def handed_on(self, node: ast.stmt) -> None:
        """A statement has run: from here on nothing is known of the lists, sets and dictionaries
        that it gave the function."""
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and dotted(call.func) in self.functions:
                given = {dotted(p) for p in ast.walk(call) if isinstance(p, ast.expr)}
                for value in (self.constants[name] for name in given & self.constants.keys()):
                    if id(value) not in self.handed:
                        self.handed.update((id(part), part) for part in changeable(value))

    def forget(self, name: str) -> None:
        """From here on nothing is known of a name, nor of what is reached through it."""
        for held in (self.constants, self.results):
            # Nothing but a test case has attributes that are followed.
            for one in [n for n in held if _heads(name, n)] if name in ("self", "cls") else [name]:
                held.pop(one, None)
        self.functions -= {n for n in self.functions if _heads(name, n)}

    def goes_by(self, name: str) -> None:
        """The function has this name from here on."""
        self.functions.add(name)
        self.ever.add(name)

    def assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """``target = … = value``."""
        meaning = self.meaning(value)
        for target in targets:
            self.bind(target, meaning)

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        """An import: of the function, wherever it is kept, of constants of `math`, of others."""
        before = set(self.functions)
        for alias in node.names:
            if isinstance(node, ast.Import):
                self._module(alias, before)
            elif alias.name != "*":
                self._member(node.module or "", alias, before)
            elif node.module == "math":
                self.constants |= {n.partition(".")[2]: v for n, v in CONSTANTS.items()}

    def _module(self, alias: ast.alias, before: set[str]) -> None:
        bound = alias.asname or alias.name.partition(".")[0]
        self.forget(bound)
        if not of_library(alias.name):
            for name in before:
                self.goes_by(f"{alias.asname or alias.name}.{name}")

    def _member(self, module: str, alias: ast.alias, before: set[str]) -> None:
        bound = alias.asname or alias.name
        self.forget(bound)
        if of_library(module):
            if f"{module}.{alias.name}" in CONSTANTS:
                self.constants[bound] = CONSTANTS[f"{module}.{alias.name}"]
            return
        for name in before:
            if _heads(alias.name, name):
                self.goes_by(bound + name[len(alias.name) :])

    def meaning(self, node: ast.expr) -> Meaning:
        """What an expression stands for here and now."""
        names = self.names()
        try:
            return Meaning((bounded(names.value(node)),))
        except NotConstant:
            pass
        try:
            return Meaning(result=names.called(node))
        except NotConstant:
            pass
        whole = dotted(node)
        owned = [n for n in self.functions if whole and (n == whole or n.startswith(f"{whole}."))]
        parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
        return Meaning(
            endings=tuple(n[len(whole) :] for n in owned),
            parts=tuple(map(self.meaning, parts)),
        )

    def bind(self, target: ast.expr, meaning: Meaning) -> None:
        """From here on a target stands for this."""
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = _parts(meaning)
            if len(parts) != len(target.elts) or any(
                isinstance(t, ast.Starred) for t in target.elts
            ):
                parts = [Meaning()] * len(target.elts)
            for one, its in zip(target.elts, parts, strict=True):
                self.bind(one, its)
            return
        target = target.value if isinstance(target, ast.Starred) else target
        name = dotted(target)
        if not name:
            return
        self.forget(name)
        if meaning.constant is not None:
            self.constants[name] = meaning.constant[0]
        elif meaning.result is not None:
            self.results[name] = meaning.result
        for ending in meaning.endings:
            self.goes_by(name + ending)


def of_library(module: str) -> bool:
    """Whether a module is one of the standard library."""
    return module.partition(".")[0] in sys.stdlib_module_names


def _heads(head: str, name: str) -> bool:
    """Whether a dotted name is `head`, or is reached through it."""
    return name == head or name.startswith((f"{head}.", f"{head}("))


def _parts(meaning: Meaning) -> Sequence[Meaning]:
    """What a row's parts stand for."""
    if meaning.parts:
        return meaning.parts
    value = meaning.constant[0] if meaning.constant else None
    return [Meaning((v,)) for v in value] if isinstance(value, (list, tuple)) else []
