"""Facts about Python source, without executing it: does it compile, what does it define and use?"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property

_BUILTIN = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__builtins__"}
_READING = "input stdin open fileinput read readline readlines exec __import__"
_WRITING = "print stdout write writelines pprint exec __import__"
_READS, _WRITES = frozenset(_READING.split()), frozenset(_WRITING.split())
_INDIRECT = frozenset({"exec", "eval", "globals", "vars", "locals", "setattr"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LEFT_OUT = re.compile(
    r"^[ \t]*#\s*(?:\.{3}|…|\[?(?:the )?(?:rest of|(?:rest|remainder|remaining|existing|previous|"
    r"original|same) (?:of |the )*(?:code|logic|function|implementation|is|as|remains)))",
    re.IGNORECASE | re.MULTILINE,
)
"""Remark in place of code: ``# ... rest as before``, ``# existing code``."""
_Defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FAULTS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


def fault(source: str) -> SyntaxError | None:
    """Return the error that keeps Python from running the source, with the line if it is known;
    None if Python would run the source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "program.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error
    except _FAULTS as error:
        return SyntaxError(str(error) or type(error).__name__)
    return None


def compiles(source: str) -> bool:
    """Return True if Python would run the source."""
    return fault(source) is None


class Definition(IntEnum):
    """Way in which source defines a function, the weakest first."""

    NONE = 0
    DYNAMIC = 1
    """The source may define it by `exec` or `globals()`: only an execution can tell."""
    STUB = 2
    """The source has a head without a body."""
    ASSIGNED = 3
    """The source imports the function, or assigns the value of a call or another name."""
    DEFINED = 4
    """The source has a ``def``, ``class`` or ``lambda`` of the name."""


class PythonSource:
    """Python source that compiles, and facts about it. Raises `SyntaxError` for any other text."""

    def __init__(self, text: str) -> None:
        self.text = text
        if error := fault(text):
            raise error

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the source."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(self.text)

    @cached_property
    def _table(self) -> symtable.SymbolTable:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return symtable.symtable(self.text, "program.py", "exec")

    @cached_property
    def defined(self) -> frozenset[str]:
        """Names that are bound once the module has run, without those local to functions."""
        names_bound = {s.get_name() for s in self._table.get_symbols() if _bound(s)}
        for table in _below(self._table):
            if table.get_type() == "function":
                own = [s for s in table.get_symbols() if s.is_declared_global()]
                names_bound |= {s.get_name() for s in own if _bound(s)}
        return frozenset(names_bound)

    @property
    def binds(self) -> frozenset[str]:
        """Names of `defined`, without those used before they are bound, as in ``f = f(3)``."""
        return self.defined - self._before

    @cached_property
    def _before(self) -> frozenset[str]:
        """Names that a statement of the module binds to a value made of the name itself. Names that
        a definition or an import of the module binds are left out."""
        self_made = set()
        defined = set()
        for node in _module_level(self.tree.body):
            if isinstance(node, _DEFINITION):
                defined.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                defined |= {(a.asname or a.name.split(".")[0]) for a in node.names}
            elif isinstance(node, ast.Assign):
                names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
                targets = {t.id for t in node.targets if isinstance(t, ast.Name)}
                self_made |= targets & names
        return frozenset(self_made - defined)

    @cached_property
    def needed(self) -> frozenset[str]:
        """Names that the source uses, and that are neither defined in it nor builtins."""
        used = {s.get_name() for s in self._table.get_symbols() if s.is_referenced()}
        for table in _below(self._table):
            used |= {
                s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()
            }
        return frozenset(used - self.defined - _BUILTIN)

    @cached_property
    def names(self) -> frozenset[str]:
        """All names and attributes that the source mentions."""
        mentioned = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                mentioned.add(node.id)
            elif isinstance(node, ast.Attribute):
                mentioned.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                mentioned |= {a.name for a in node.names}
        return frozenset(mentioned)

    @property
    def reads(self) -> bool:
        """True if the source may read standard input."""
        return bool(self.names & _READS)

    @property
    def writes(self) -> bool:
        """True if the source may write to standard output."""
        return bool(self.names & _WRITES)

    @cached_property
    def acts(self) -> bool:
        """True if the source does anything other than define and name things."""
        return any(_acts(node) for node in self.tree.body)

    @cached_property
    def has_sentence(self) -> bool:
        """True if a statement is words of prose that happen to be Python (``Done``): names alone,
        one of which is not defined, so that the statement could only raise."""
        known = self.defined | _BUILTIN
        words = [n for n in self.tree.body if _is_words(n)]
        return any(
            isinstance(n, ast.Name) and n.id not in known for word in words for n in ast.walk(word)
        )

    @cached_property
    def leaves_out(self) -> bool:
        """True if ``...`` or a remark stands in the place of code."""
        if _LEFT_OUT.search(self.text):
            return True
        bodies = [n.body for n in ast.walk(self.tree) if isinstance(n, _FUNCTIONS)]
        return any(
            isinstance(one, ast.Expr)
            and isinstance(one.value, ast.Constant)
            and one.value.value is Ellipsis
            for body in bodies
            if len(body) > 1
            for one in body
        )

    @property
    def says_something(self) -> bool:
        """True if a statement is more than a value. Prose and outputs can look like values
        (``Done``, ``6``, ``Note: this``)."""
        return any(is_code(node) for node in self.tree.body)

    @property
    def constructs(self) -> bool:
        """True if the source defines a function or a class."""
        return any(isinstance(node, _DEFINITION) for node in self.tree.body)

    def has_method(self, name: str) -> bool:
        """Return True if one of the source's classes has a method of this name."""
        classes = [n for n in self.tree.body if isinstance(n, ast.ClassDef)]
        return any(isinstance(n, _DEFINITION) and n.name == name for c in classes for n in c.body)

    def definition(self, entry_point: str) -> Definition:
        """Return the way in which the source defines this function, or this class with its method,
        outside of other functions."""
        name, _, method = entry_point.partition(".")
        best = Definition.NONE
        for node in _module_level(self.tree.body):
            if isinstance(node, _DEFINITION) and node.name == name:
                best = max(best, self._defined_by(node, method))
            elif _assigns(node, name):
                is_lambda = isinstance(getattr(node, "value", None), ast.Lambda)
                kind = Definition.DEFINED if is_lambda else Definition.ASSIGNED
                best = max(best, kind if not method else Definition.NONE)
        if best is Definition.NONE and self.names & _INDIRECT and self._quotes(name):
            return Definition.DYNAMIC
        return best

    def _quotes(self, name: str) -> bool:
        texts = [n.value for n in ast.walk(self.tree) if isinstance(n, ast.Constant)]
        return any(isinstance(text, str) and name in text for text in texts)

    def _defined_by(self, node: _Defining, method: str) -> Definition:
        if not method:
            return Definition.STUB if _empty(node.body) else Definition.DEFINED
        if not isinstance(node, ast.ClassDef):
            return Definition.ASSIGNED  # a function that makes the object
        own = [n for n in _module_level(node.body) if isinstance(n, _DEFINITION)]
        methods = [n for n in own if n.name == method]
        if methods:
            return Definition.STUB if all(_empty(n.body) for n in methods) else Definition.DEFINED
        if any(_assigns(n, method) for n in node.body) or (node.bases and method in self.text):
            return Definition.ASSIGNED
        return Definition.NONE


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def _bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module (or a class) is created, those inside of `if`,
    `try` and the like included."""
    for node in body:
        yield node
        if not isinstance(node, _DEFINITION):
            for part in ("body", "orelse", "finalbody"):
                yield from _module_level(getattr(node, part, []))
            for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from _module_level(handler.body)


def _assigns(node: ast.stmt, name: str) -> bool:
    """Return True if a statement gives the name a value that may be a function. A literal is no
    such value, and neither is a value made of the name itself, as in the usage ``f = f(3)``."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any((a.asname or a.name.split(".")[0]) == name for a in node.names)
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    value = node.value
    if not any(isinstance(t, ast.Name) and t.id == name for t in targets):
        return False
    if not isinstance(value, (ast.Lambda, ast.Call, ast.Name, ast.Attribute, ast.IfExp)):
        return False
    return isinstance(value, ast.Lambda) or all(
        not isinstance(n, ast.Name) or n.id != name for n in ast.walk(value)
    )


def is_code(node: ast.stmt) -> bool:
    """Return True if a statement is more than a value or an annotated name."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, (ast.Call, ast.Await, ast.Yield))
    return not isinstance(node, ast.Pass) and not (
        isinstance(node, ast.AnnAssign) and node.value is None
    )


def _is_words(node: ast.stmt) -> bool:
    """Return True if a statement is a value or an annotated name, and calls nothing."""
    if is_code(node) or isinstance(node, ast.Pass):
        return False
    return not any(isinstance(n, (ast.Call, ast.Subscript, ast.Attribute)) for n in ast.walk(node))


def _acts(node: ast.stmt) -> bool:
    """Return True if a statement of a module calls anything."""
    if isinstance(node, (*_DEFINITION, ast.Import, ast.ImportFrom)):
        return False
    return any(isinstance(n, ast.Call) for n in ast.walk(node))


def _empty(body: list[ast.stmt]) -> bool:
    """Return True if a body is ``...``, ``pass``, ``raise NotImplementedError`` or a docstring
    alone."""
    for node in body:
        constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        not_yet = isinstance(node, ast.Raise) and "NotImplemented" in ast.dump(node)
        if not (constant or not_yet or isinstance(node, ast.Pass)):
            return False
    return True
