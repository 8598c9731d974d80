"""Why a suite cannot be run as it is: nothing of it is reached, or it needs what is not given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sparring.tasks.suites.reached import reached
from sparring.testnames import (
    CANDIDATE,
    CHECK,
    FIXTURES,
    PYTEST,
    is_programs,
    seems_programs,
    tested_names,
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def why_not(suite: ast.Module, entry_point: str, program: ast.Module | None) -> str:
    """What is wrong with a suite on this function, or nothing. ``program``: the reference."""
    return next(_faults(suite, entry_point, program), "")


def _faults(suite: ast.Module, entry_point: str, program: ast.Module | None) -> Iterator[str]:
    for node in program.body if program else ():
        if isinstance(node, ast.ClassDef) and node.name == entry_point:
            yield f"is on a class ({entry_point}), whose objects do not cross to a test script"
    tested = tested_names(entry_point)
    nodes = list(ast.walk(suite))
    yield from _of_pytest(nodes)
    yield from _fixtures(suite, nodes)
    yield from _modules(nodes, tested)
    found = reached(suite, tested)
    if not found.asserts:
        names = ", ".join(dict.fromkeys(found.unreached))
        where = f" that is ever run (what {names} asserts is not)" if names else ""
        yield f"asserts nothing{where}: every program would pass"
    elif not (found.takes_candidate or {*tested, CANDIDATE} & found.mentions):
        yield f"never calls {tested[0]}: it tests no program"
    elif not found.takes_candidate and CANDIDATE not in found.mentions:
        for name in _bound_by_itself(suite, tested):
            yield f"binds {name} itself: it would not test the program's"


def _of_pytest(nodes: list[ast.AST]) -> Iterator[str]:
    given = ", ".join(sorted(PYTEST))
    aliases = {
        a.asname or a.name
        for n in nodes
        if isinstance(n, ast.Import)
        for a in n.names
        if a.name == "pytest"
    }
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "pytest":
            for alias in node.names:
                if alias.name not in PYTEST:
                    yield f"imports {alias.name} of pytest, of which only {given} are given"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for name in [module] if module else [alias.name for alias in node.names]:
                if name.startswith(("pytest_", "_pytest")):
                    yield f"imports {name}: plugins of pytest are not given"
        if not isinstance(node, ast.Attribute):
            continue
        if getattr(node.value, "id", "") in aliases and node.attr not in PYTEST:
            yield f"uses pytest.{node.attr}, and only {given} are given of pytest"
        if node.attr == "usefixtures":
            yield "uses fixtures of pytest (usefixtures), which are not given"


def _fixtures(suite: ast.Module, nodes: list[ast.AST]) -> Iterator[str]:
    """Tests with parameters that nothing gives."""
    mentioned = {n.id for n in nodes if isinstance(n, ast.Name)}
    for node in suite.body:
        if isinstance(node, _Function) and node.name.startswith("test"):
            yield from _without(node, 0, mentioned)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and not node.bases:
            for method in node.body:
                if isinstance(method, _Function) and method.name.startswith("test"):
                    static = any(_last(d) == "staticmethod" for d in method.decorator_list)
                    marks = [*node.decorator_list, *method.decorator_list]
                    yield from _without(method, 0 if static else 1, set(), marks)


def _without(
    node: _Function, own: int, mentioned: set[str], marks: list[ast.expr] | None = None
) -> Iterator[str]:
    marks = node.decorator_list if marks is None else marks
    cases = [d for d in marks if _last(d) == "parametrize"]
    if node.name in mentioned and not cases:
        return  # a helper, which others call
    if any(_last(d) in ("patch", "object", "dict", "given") for d in marks):
        return  # they give arguments of their own
    arguments = [*node.args.posonlyargs, *node.args.args]
    needed = arguments[own : len(arguments) - len(node.args.defaults)]
    given = {name for each in cases for name in _parametrized(each)}
    left = [a.arg for a in needed if a.arg not in given]
    unknown = [name for name in left if name in FIXTURES]
    if unknown or len(left) > 1:
        told = ", ".join(unknown or left)
        yield f"{node.name} takes {told}: fixtures of pytest are not given"


def _parametrized(decorator: ast.expr) -> list[str]:
    """The names that a ``parametrize`` gives, as far as they are written out."""
    if not isinstance(decorator, ast.Call):
        return []
    named = [k.value for k in decorator.keywords if k.arg == "argnames"]
    held = (decorator.args or named)[0:1]
    texts = [n.value for each in held for n in ast.walk(each) if isinstance(n, ast.Constant)]
    return [name.strip() for text in texts if isinstance(text, str) for name in text.split(",")]


def _modules(nodes: list[ast.AST], tested: tuple[str, ...]) -> Iterator[str]:
    """Imports that seem to be of the program, and are not of the function under test."""
    attributes = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    taken: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            taken.setdefault(node.module, set()).update(a.name for a in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                taken.setdefault(alias.name, set())
    for module, names in taken.items():
        if seems_programs(module) and not is_programs(module, names, tested, attributes):
            told = ", ".join(sorted(names)) or "nothing that it uses"
            yield f"imports {told} from {module}, and not {tested[0]}, which is asked for"


def _bound_by_itself(suite: ast.Module, tested: tuple[str, ...]) -> Iterator[str]:
    """The function's name, where the suite binds it to something that is not the program's."""
    for node in suite.body:
        names: list[str] = []
        if isinstance(node, (_Function, ast.ClassDef)):
            names = [node.name] if node.name != CHECK else []
        elif isinstance(node, ast.ImportFrom) and node.module:
            taken = {alias.name for alias in node.names}
            if not is_programs(node.module, taken, tested, ()) and not node.level:
                names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            held = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            if not held:  # else it may be the program's after all
                names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        yield from (name for name in names if name == tested[0])


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
