"""Follow names through straight code: the constants, functions and results they stand for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.tasks.suites.called import Arguments, NameMeanings
from sparring.tasks.suites.constants import CONSTANTS, NotConstant, bounded, changeable, dotted


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of an expression: exactly one of the fields is set, or none if nothing is known.

    - ``constant``: a value, in a tuple of one.
    - ``result``: the arguments of the one call that returned the value.
    - ``endings``: endings of names of the function under test; ``""`` for the function itself,
      ``".f"`` for an object that has the function as ``f``.
    - ``parts``: meanings of the items of a tuple or list.
    """

    constant: tuple[Any] | None = None
    result: Arguments | None = None
    endings: tuple[str, ...] = ()
    parts: tuple[Meaning, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept(Mapping[str, Any]):
    """Constants, without those that hold an object that a call may have changed."""

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
    """Meanings of the names of one scope, updated from statement to statement."""

    functions: set[str]
    constants: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Arguments] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    """All names that the function has had so far, in this scope or one inside it."""
    handed: dict[int, object] = field(default_factory=dict)
    """Lists, sets and dictionaries that were arguments of a call, which may have changed them; in
    all scopes, by id."""

    def __post_init__(self) -> None:
        self.ever |= self.functions

    def names(self) -> NameMeanings:
        """Return the meanings of the names at the current statement."""
        return NameMeanings(
            frozenset(self.functions), _Kept(self.constants, self.handed), self.results
        )

    def inside(self) -> Bindings:
        """Return a copy for a scope inside this one, or for a branch."""
        return Bindings(
            set(self.functions), dict(self.constants), dict(self.results), self.ever, self.handed
        )

    def handed_on(self, node: ast.stmt) -> None:
        """Forget the lists, sets and dictionaries that a statement passes to the function.

        The call may have changed them.
        """
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and dotted(call.func) in self.functions:
                passed = {dotted(p) for p in ast.walk(call) if isinstance(p, ast.expr)}
                for value in (self.constants[name] for name in passed & self.constants.keys()):
                    if id(value) not in self.handed:
                        self.handed.update((id(part), part) for part in changeable(value))

    def forget(self, name: str) -> None:
        """Forget a name, and everything that is reached through the name."""
        for meanings in (self.constants, self.results):
            # Only a test case has attributes that are followed.
            every = [n for n in meanings if _heads(name, n)] if name in ("self", "cls") else [name]
            for each in every:
                meanings.pop(each, None)
        self.functions -= {n for n in self.functions if _heads(name, n)}

    def goes_by(self, name: str) -> None:
        """Note that the function has this name from here on."""
        self.functions.add(name)
        self.ever.add(name)

    def assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """Follow an assignment, ``target = … = value``."""
        meaning = self.meaning(value)
        for target in targets:
            self.bind(target, meaning)

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        """Follow an import of the function (from any module), of constants of `math`, or of other
        names."""
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
        if not is_stdlib(alias.name):
            for name in before:
                self.goes_by(f"{alias.asname or alias.name}.{name}")

    def _member(self, module: str, alias: ast.alias, before: set[str]) -> None:
        bound = alias.asname or alias.name
        self.forget(bound)
        if is_stdlib(module):
            if f"{module}.{alias.name}" in CONSTANTS:
                self.constants[bound] = CONSTANTS[f"{module}.{alias.name}"]
            return
        for name in before:
            if _heads(alias.name, name):
                self.goes_by(bound + name[len(alias.name) :])

    def meaning(self, node: ast.expr) -> Meaning:
        """Return the meaning of an expression at the current statement."""
        names = self.names()
        try:
            return Meaning((bounded(names.value(node)),))
        except NotConstant:
            pass
        try:
            return Meaning(result=names.called(node))
        except NotConstant:
            pass
        dotted_name = dotted(node)
        owned = [
            n
            for n in self.functions
            if dotted_name and (n == dotted_name or n.startswith(f"{dotted_name}."))
        ]
        parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
        return Meaning(
            endings=tuple(n[len(dotted_name) :] for n in owned),
            parts=tuple(map(self.meaning, parts)),
        )

    def bind(self, target: ast.expr, meaning: Meaning) -> None:
        """Give a target this meaning from here on."""
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = _parts(meaning)
            if len(parts) != len(target.elts) or any(
                isinstance(t, ast.Starred) for t in target.elts
            ):
                parts = [Meaning()] * len(target.elts)
            for item, part in zip(target.elts, parts, strict=True):
                self.bind(item, part)
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


def is_stdlib(module: str) -> bool:
    """Return True if a module is part of the standard library."""
    return module.partition(".")[0] in sys.stdlib_module_names


def _heads(head: str, name: str) -> bool:
    """Return True if a dotted name is ``head``, or is reached through ``head``."""
    return name == head or name.startswith((f"{head}.", f"{head}("))


def _parts(meaning: Meaning) -> Sequence[Meaning]:
    """Return the meanings of the items of a tuple or list; empty if unknown."""
    if meaning.parts:
        return meaning.parts
    value = meaning.constant[0] if meaning.constant else None
    return [Meaning((v,)) for v in value] if isinstance(value, (list, tuple)) else []
