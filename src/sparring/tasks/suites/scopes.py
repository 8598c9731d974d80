"""Read the assertions of a piece of Python, each with the names that it may use.

- An assertion is an ``assert``, a call of a method or function whose name begins with ``assert``,
  or a block that expects an exception.
- Each assertion is read as if it stood alone. `bindings` follows names from top to bottom, through
  functions and test cases; nothing is executed.
- An assertion in a loop or a branch is not read, because only an execution tells its meaning.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sparring.tasks.suites.asserts import NotACall, assertion_text
from sparring.tasks.suites.bindings import Bindings
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.constants import NotConstant, dotted
from sparring.tasks.suites.expressions import call_test
from sparring.tasks.suites.harmless import disturbing, ends_here, redefines, replaced
from sparring.tasks.suites.statements import SCOPES, own_attributes, statements, stored_names
from sparring.tasks.suites.unittests import method_test

Assertion = ast.Assert | ast.Expr | ast.With
_CASES = ("self", "cls", "unittest.TestCase()", "TestCase()")
_SET_UP = ("setUp", "setUpClass", "setup_method", "setup_class", "setup")
_ERRORS = ("raises", "warns", "assertRaises", "assertRaisesRegex", "assertWarns")
_LOOP = "inside a loop or a branch"


@dataclass(frozen=True, slots=True)
class ReadAssertion:
    """An assertion and the result of reading it: a call test, or the reason why it is none."""

    node: Assertion
    read: CallTest | NotACall


def assertions(tree: ast.Module, function: str) -> list[ReadAssertion]:
    """Return every assertion of a module, in the order of the text.

    ``function`` is the name of the function under test: ``f``, or ``Solution().f``. The names
    ``candidate`` and (for a plain function) ``Solution().f`` stand for the function too, unless
    the module redefines them.
    """
    head = function.partition("(")[0]
    names = {function}
    if not redefines(tree, "candidate"):
        names.add("candidate")
    if head == function and not redefines(tree, "Solution"):
        names.add(f"Solution().{function}")
    walk = _Walk(tree, head, names)
    walk.body(tree.body, walk.top)
    reason = f"beside another {head}" if redefines(tree, head) else ""
    if not reason and (node := disturbing(tree, walk.top.ever)) is not None:
        reason = f"beside what may change it: {_line(node)}"
    if not reason and (other := replaced(tree)):
        reason = f"beside another {other}"
    if not reason:
        return walk.found
    return [
        ReadAssertion(f.node, NotACall(assertion_text(f.node), reason))
        if isinstance(f.read, CallTest)
        else f
        for f in walk.found
    ]


@dataclass(slots=True)
class _Walk:
    """Walk through a module from top to bottom."""

    tree: ast.Module
    head: str
    functions: set[str]
    found: list[ReadAssertion] = field(default_factory=list)
    top: Bindings = field(init=False)
    given: set[str] = field(init=False)
    """Functions that take the function under test as their only argument, as in ``check(f)``."""

    def __post_init__(self) -> None:
        self.top = Bindings(set(self.functions))
        self.given = {
            dotted(n.func)
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Call) and len(n.args) == 1 and dotted(n.args[0]) in self.functions
        }

    def body(self, body: Sequence[ast.stmt], known: Bindings, refusal: str = "") -> None:
        """Walk through statements; ``refusal`` is the reason why their assertions are not read."""
        rebound = [name for name, times in stored_names(body).items() if times > 1]
        for node in body:
            if (method := _asserting(node, self.tree)) is not None:
                self._assertion(node, method, known, refusal)
                known.handed_on(node)
                continue
            if not refusal and ends_here(node):
                refusal = f"behind what may end the test: {_line(node)}"
            match node:
                case ast.Assign(targets=targets, value=value):
                    known.assign(targets, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    known.assign([target], value)
                case ast.Import() | ast.ImportFrom():
                    known.imports(node)
                case ast.FunctionDef() if node.name != self.head:
                    self._function(node, _lasting(known, rebound), refusal)
                case ast.ClassDef():
                    self._class(node, _lasting(known, rebound), refusal)
                case ast.If(test=test, orelse=[]) if _is_main(test):
                    self.body(node.body, known, refusal)
                case ast.With(items=[item]) if _is_subtest(item.context_expr):
                    self.body(node.body, known, refusal)
                case ast.FunctionDef():
                    pass  # assertions inside the function under test do not test it
                case _:
                    self._branches(node, known)
            if not isinstance(node, SCOPES):
                known.handed_on(node)

    def _assertion(self, node: ast.stmt, method: str, known: Bindings, refusal: str) -> None:
        assert isinstance(node, (ast.Assert, ast.Expr, ast.With))
        read: CallTest | NotACall
        try:
            if refusal:
                raise NotConstant(refusal)
            if isinstance(node, ast.Assert):
                read = call_test(node.test, known.names())
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and method:
                read = method_test(method, node.value, known.names())
            else:
                raise NotConstant("no assertion about a value")
        except NotConstant as error:
            read = NotACall(assertion_text(node), str(error))
        except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
            read = NotACall(assertion_text(node), f"{type(error).__name__}: {error}")
        self.found.append(ReadAssertion(node, read))

    def _function(self, node: ast.FunctionDef, outside: Bindings, refusal: str) -> None:
        """Walk through a function, whose stored names are local from its first line on."""
        known = outside.inside()
        parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        method = parameters[:1] in (["self"], ["cls"])
        parameters = parameters[1:] if method else parameters
        others = [*node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for name in (*stored_names(node.body), *parameters, *(a.arg for a in others if a)):
            if not name.startswith(("self.", "cls.")):
                known.forget(name)
        if parameters == ["candidate"] or (len(parameters) == 1 and node.name in self.given):
            known.goes_by(parameters[0])
        if node.decorator_list:
            refusal = refusal or "under a decorator"
        self.body(node.body, known, refusal)

    def _class(self, node: ast.ClassDef, outside: Bindings, refusal: str) -> None:
        """Walk through a test case, whose body and ``setUp`` set the attributes it shares."""
        shared, times = outside.inside(), Counter(own_attributes(node))
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                names = [t.id for t in statement.targets if isinstance(t, ast.Name)]
                _share(shared, names, statement, shared)
                times.update(names)
            elif isinstance(statement, ast.FunctionDef) and statement.name in _SET_UP:
                inside = shared.inside()
                for name in stored_names(statement.body):
                    inside.forget(name)
                for line in (s for s in statement.body if isinstance(s, ast.Assign)):
                    inside.assign(line.targets, line.value)
                    _share(
                        shared, [n for t in line.targets for n in own_attributes(t)], line, inside
                    )
        for name, count in times.items():
            if count > 1:
                shared.forget(f"self.{name}")
                shared.forget(f"cls.{name}")
        if node.decorator_list:
            refusal = refusal or "under a decorator"
        for statement in node.body:
            self.body([statement], shared.inside(), refusal)

    def _branches(self, node: ast.stmt, known: Bindings) -> None:
        """Walk through a loop, a branch or another statement, and forget the names it stores."""
        for inner in statements([node]):
            if (method := _asserting(inner, self.tree)) is not None:
                self._assertion(inner, method, known, _LOOP)
        for name in stored_names([node]):
            known.forget(name)


def _share(shared: Bindings, attributes: Sequence[str], node: ast.Assign, inside: Bindings) -> None:
    """Give attributes of a test case the meaning of a value in the scope ``inside``."""
    meaning = inside.meaning(node.value)
    for name in attributes:
        for owner in ("self", "cls"):
            shared.bind(ast.Attribute(ast.Name(owner), name), meaning)


def _lasting(known: Bindings, rebound: Sequence[str]) -> Bindings:
    """Return the names that keep their meaning inside a function: names that its surroundings bind
    once."""
    lasting = known.inside()
    for name in rebound:
        lasting.forget(name)
    return lasting


def _asserting(node: ast.stmt, tree: ast.Module) -> str | None:
    """Return None for a statement that is not an assertion.

    For an assertion, return the method's name if it is a method of `unittest`, otherwise "".
    """
    if isinstance(node, ast.Assert):
        return ""
    if isinstance(node, ast.With):
        called = (i.context_expr for i in node.items)
        return "" if any(isinstance(c, ast.Call) and _expects_error(c) for c in called) else None
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return None
    function = node.value.func
    if isinstance(function, ast.Attribute) and function.attr.startswith("assert"):
        return function.attr if dotted(function.value) in _CASES else ""
    if _expects_error(node.value):
        return ""
    is_named = isinstance(function, ast.Name) and function.id.startswith("assert")
    return "" if is_named and not redefines(tree, dotted(function)) else None


def _expects_error(call: ast.Call) -> bool:
    return dotted(call.func).rpartition(".")[2] in _ERRORS


def _is_main(test: ast.expr) -> bool:
    """Return True if a condition is ``__name__ == "__main__"``."""
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


def _is_subtest(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "self.subTest"


def _line(node: ast.AST) -> str:
    try:
        return ast.unparse(node).partition("\n")[0][:60]
    except (ValueError, RecursionError, MemoryError):
        return type(node).__name__
