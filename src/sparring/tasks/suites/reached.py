"""Decide if an assertion of a suite is reached, by the suite itself or as one of its tests.

A suite whose assertions are never executed passes every program. This module reads a suite without
execution, and in doubt it counts an assertion as reached:

- A function counts as executed if executed code mentions its name. If a suite looks up its own
  names (`globals`, `eval`, …), all its functions count.
- Code does not count after a ``return`` or an exit, under a constant false condition, in a loop
  over nothing, or in a test that is marked as skipped.
- Tests are those that the sandbox runs (``sandbox.inside.collected``): functions ``test…``, classes
  ``Test…``, test cases of ``unittest``, and a ``check``. In a suite without any of these, functions
  whose names look like tests count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sparring.tasks.suites.dead_code import always_true, constant_truth, ends_body, live_parts
from sparring.tasks.suites.statements import is_text
from sparring.testnames import CANDIDATE, CHECK, names_a_test

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_REFLECTIVE_TEXT = """globals locals vars dir eval exec getmembers __dict__ modules
    testmod DocTestSuite DocTestFinder"""
_REFLECTIVE = frozenset(_REFLECTIVE_TEXT.split())
_FAILS_TEXT = """fail failIf failUnless raises warns testmod testfile run_docstring_examples
    DocTestRunner"""
_FAILS = frozenset(_FAILS_TEXT.split())
_EXITS = frozenset(("exit", "quit", "_exit"))
_HOOKS = ("set", "tear", "asyncSet", "asyncTear", "runTest", "__", "add")
_CATCHES = frozenset(("AssertionError", "Exception", "BaseException"))
_TELLS = frozenset(("print", "print_exc", "print_exception", "debug", "info", "warning", "error"))
_NO_ANSWERS = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.JoinedStr)
"""Expressions that a test may return without stating that it passed."""
_NEUTRAL_TEXT = """abstractmethod asyncio cache classmethod contextlib contextmanager dataclass
    dataclasses expectedFailure functools lru_cache mark mock override parametrize patch
    property pytest setattr staticmethod timeout total_ordering unittest wraps"""
_NEUTRAL = frozenset(_NEUTRAL_TEXT.split())
"""Names in decorators that call nothing by themselves."""


@dataclass(slots=True)
class Reached:
    """Facts about the executed code of a suite."""

    asserts: bool = False
    """True if an assertion is reached."""
    mentions: set[str] = field(default_factory=set)
    """All names in reached code."""
    takes_candidate: bool = False
    """True if a test takes the program's function as its argument."""
    unreached: list[str] = field(default_factory=list)
    """Functions that assert, and that nothing calls."""


def reached(suite: ast.Module, tested: Sequence[str]) -> Reached:
    """Return the facts about a suite. ``tested`` are the names under which it may call the
    function that it tests."""
    walk = _Walk(suite)
    walk.run(suite.body)
    walk.run_tests(suite.body)
    facts = walk.found
    if not (facts.asserts and (facts.takes_candidate or {*tested, CANDIDATE} & facts.mentions)):
        walk.run_named_like_tests(suite.body)
    for functions in walk.functions.values():
        facts.unreached += [f.name for f in functions if id(f) not in walk.done and _asserts(f)]
    return facts


class _Walk:
    def __init__(self, suite: ast.Module) -> None:
        self.found = Reached()
        self.done: set[int] = set()
        self._met: set[str] = set()
        self.functions: dict[str, list[_Function]] = {}
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self._always: dict[str, ast.expr] = _constants(suite)
        for node in ast.walk(suite):
            if isinstance(node, _Function):
                self.functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, []).append(node)

    def run(self, body: Sequence[ast.stmt], *, answers: bool = False) -> None:
        """Follow statements up to the first one after which no other is executed.

        With ``answers``, a returned value counts as an assertion.
        """
        for node in body:
            self._statement(node, answers=answers)
            if ends_body(node, self._always):
                return

    def run_tests(self, body: Sequence[ast.stmt]) -> None:
        """Follow the tests that the sandbox runs after the suite's own code."""
        for node in _executed(body, self._always):
            if isinstance(node, _Function):
                if node.name == CHECK or node.name.startswith("test"):
                    self._test(node)
            elif isinstance(node, ast.ClassDef) and self._is_test_class(node):
                self._test_class(node, set())

    def run_named_like_tests(self, body: Sequence[ast.stmt]) -> None:
        """Follow functions that are tests only by their names."""
        for node in _executed(body, self._always):
            if not (isinstance(node, _Function) and names_a_test(node.name)):
                continue
            if node.name not in self.found.mentions and len(_required(node)) <= 1:
                self._test(node)

    def _test(self, node: _Function, *, method: bool = False) -> None:
        if any(_skips(each) for each in node.decorator_list):
            return
        if len(_required(node)) > method and not node.decorator_list:
            self.found.takes_candidate = True
        self._function(node)

    def _test_class(self, node: ast.ClassDef, seen: set[int]) -> None:
        if id(node) in seen or any(_skips(each) for each in node.decorator_list):
            return
        seen.add(id(node))
        for base in node.bases:
            for inherited in self.classes.get(_last_name(base), ()):
                self._test_class(inherited, seen)
        for inner in _executed(node.body, self._always):
            if isinstance(inner, _Function):
                if inner.name.startswith("test"):
                    self._test(inner, method=True)
                elif inner.name.startswith(_HOOKS):
                    self._function(inner)
            elif isinstance(inner, ast.ClassDef) and inner.name.startswith("Test"):
                self._test_class(inner, seen)

    def _is_test_class(self, node: ast.ClassDef) -> bool:
        return node.name.startswith("Test") or self._is_unit(node, set())

    def _is_unit(self, node: ast.ClassDef, seen: set[int]) -> bool:
        if id(node) in seen:
            return False
        seen.add(id(node))
        names = [_last_name(base) for base in node.bases]
        inherited = [base for name in names for base in self.classes.get(name, ())]
        unit = any(name.endswith("TestCase") and name not in self.classes for name in names)
        return unit or any(self._is_unit(base, seen) for base in inherited)

    def _function(self, node: _Function) -> None:
        if id(node) not in self.done:
            self.done.add(id(node))
            self.run(node.body, answers=names_a_test(node.name))

    def _statement(self, node: ast.stmt, *, answers: bool) -> None:
        if isinstance(node, (_Function, ast.ClassDef)):
            self._definition(node)
            return
        if is_text(node) and ">>>" not in ast.unparse(node):  # a docstring that is not a doctest
            return
        if isinstance(node, ast.Assert):
            self.found.asserts |= not always_true(node.test, self._always)
        elif isinstance(node, ast.Raise):
            self.found.asserts |= "Skip" not in _last_name(node.exc)
        elif isinstance(node, ast.Return) and answers and node.value is not None:
            self.found.asserts |= not isinstance(node.value, _NO_ANSWERS)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                self._mention(alias.name)
        swallowed = None if self.found.asserts else _swallowed(node)
        for part in live_parts(node, self._always):
            if isinstance(part, ast.expr):
                self._expression(part)
            elif part is swallowed:
                done_before, met_before = set(self.done), set(self._met)
                self.run(part, answers=answers)
                # A function called here may also be called elsewhere, where its assertion counts.
                self.found.asserts, self.done, self._met = False, done_before, met_before
            else:
                self.run(part, answers=answers)

    def _definition(self, node: _Function | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._expression(decorator)
            if not _NEUTRAL.intersection(_all_names(decorator)):
                self._mention(node.name)  # an unknown decorator may call the function
        if isinstance(node, ast.ClassDef):
            for base in [*node.bases, *(keyword.value for keyword in node.keywords)]:
                self._expression(base)
            self.run(node.body)
            return
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self._expression(default)

    def _expression(self, node: ast.expr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self._mention(part.id)
            elif isinstance(part, ast.Attribute):
                self._mention(part.attr)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                for word in part.value.replace(".", " ").replace("(", " ").split():
                    self._mention(word)
            elif isinstance(part, ast.Call):
                self.found.asserts |= self._fails(part)

    def _fails(self, call: ast.Call) -> bool:
        """Return True if a call may fail a test, and the suite does not define the function."""
        name = _last_name(call.func)
        if name in self.functions:
            return False
        if name in _EXITS:
            plain = [a.value for a in call.args if isinstance(a, ast.Constant)]
            return bool(call.args) and not (plain and not plain[0])
        return name.lower().startswith("assert") or name in _FAILS

    def _mention(self, name: str) -> None:
        if name in self._met:
            return
        self._met.add(name)
        self.found.mentions.add(name)
        if name in _REFLECTIVE:
            for other in (*self.functions, *self.classes):
                self._mention(other)
        for function in self.functions.get(name, ()):
            self._function(function)
        for cls in self.classes.get(name, ()):
            for inner in cls.body:
                if not isinstance(inner, _Function):
                    continue
                if not (inner.name.startswith("test") and self._is_unit(cls, set())):
                    self._function(inner)


def _executed(body: Sequence[ast.stmt], always: dict[str, ast.expr]) -> Iterator[ast.stmt]:
    """Yield the executed statements of a module or class, including those in branches."""
    for node in body:
        yield node
        if not isinstance(node, (_Function, ast.ClassDef)):
            for part in live_parts(node, always):
                if not isinstance(part, ast.expr):
                    yield from _executed(part, always)
        if ends_body(node, always):
            return


def _constants(suite: ast.Module) -> dict[str, ast.expr]:
    """Return the constant value of each name that is bound only once in the suite, at its top
    level."""
    stored = [n.id for n in ast.walk(suite) if isinstance(n, ast.Name) and _is_stored(n)]
    stored += [n.arg for n in ast.walk(suite) if isinstance(n, ast.arg)]
    constants: dict[str, ast.expr] = {}
    for node in suite.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and stored.count(target.id) == 1:
                    constants[target.id] = node.value
    return constants


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _required(node: _Function) -> list[str]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = positional[: len(positional) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [a.arg for a in [*needed, *(a for a, default in pairs if default is None)]]


def _skips(decorator: ast.expr) -> bool:
    """Return True if a decorator always skips a test, or always allows the test to fail."""
    name = _last_name(decorator)
    positional = decorator.args if isinstance(decorator, ast.Call) else []
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    if name == "xfail":
        # With a condition the test may count; with `strict` the test must fail.
        return not positional and not any(k.arg in ("strict", "condition") for k in keywords)
    if name in ("skipif", "skipIf", "skipUnless") and positional:
        return constant_truth(positional[0], {}) is (name != "skipUnless")
    return name == "skip"


def _swallowed(node: ast.stmt) -> list[ast.stmt] | None:
    """Return the statement's body if a failed assertion there has no effect; otherwise None.

    The statement catches the failure, and no handler does more than print and go on.
    """
    if isinstance(node, (ast.With, ast.AsyncWith)):
        calls = [i.context_expr for i in node.items if isinstance(i.context_expr, ast.Call)]
        suppressed = [a for c in calls if _last_name(c) == "suppress" for a in c.args]
        return node.body if any(_last_name(s) in _CATCHES for s in suppressed) else None
    if not isinstance(node, ast.Try):
        return None
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if any(kind is None or _last_name(kind) in _CATCHES for kind in kinds):
            return node.body if all(map(_only_prints, handler.body)) else None
    return None


def _only_prints(node: ast.stmt) -> bool:
    """Return True if a statement does nothing, continues a loop, or prints."""
    if isinstance(node, (ast.Pass, ast.Continue)) or is_text(node):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and _last_name(call) in _TELLS


def _asserts(node: _Function) -> bool:
    calls = [_last_name(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
    return any(isinstance(n, ast.Assert) for n in ast.walk(node)) or any(
        name.lower().startswith("assert") for name in calls
    )


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _all_names(node: ast.expr) -> set[str]:
    parts = list(ast.walk(node))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return names | {part.attr for part in parts if isinstance(part, ast.Attribute)}
