"""Find why a suite cannot run: no assertion is reached, or the sandbox lacks something it needs."""

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


def suite_fault(suite: ast.Module, entry_point: str, program: ast.Module | None) -> str:
    """Return the first fault of a suite on this function, or "".

    ``program`` is the reference solution, if there is one.
    """
    return next(_faults(suite, entry_point, program), "")


def _faults(suite: ast.Module, entry_point: str, program: ast.Module | None) -> Iterator[str]:
    for node in program.body if program else ():
        if isinstance(node, ast.ClassDef) and node.name == entry_point:
            yield f"tests a class ({entry_point}), whose objects cannot cross to a test script"
    tested = tested_names(entry_point)
    nodes = list(ast.walk(suite))
    yield from _of_pytest(nodes)
    yield from _fixtures(suite, nodes)
    yield from _modules(nodes, tested)
    executed = reached(suite, tested)
    if not executed.asserts:
        names = ", ".join(dict.fromkeys(executed.unreached))
        where = f" in code that runs (nothing runs {names})" if names else ""
        yield f"asserts nothing{where}: every program would pass"
    elif not (executed.takes_candidate or {*tested, CANDIDATE} & executed.mentions):
        yield f"never calls {tested[0]}: it tests no program"
    elif not executed.takes_candidate and CANDIDATE not in executed.mentions:
        for name in _bound_by_itself(suite, tested):
            yield f"defines {name} itself: it would not test the program"


def _of_pytest(nodes: list[ast.AST]) -> Iterator[str]:
    available = ", ".join(sorted(PYTEST))
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
                    yield f"imports {alias.name} from pytest; the sandbox has only {available}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for name in [module] if module else [alias.name for alias in node.names]:
                if name.startswith(("pytest_", "_pytest")):
                    yield f"imports {name}: the sandbox has no plugins of pytest"
        if not isinstance(node, ast.Attribute):
            continue
        if getattr(node.value, "id", "") in aliases and node.attr not in PYTEST:
            yield f"uses pytest.{node.attr}; of pytest the sandbox has only {available}"
        if node.attr == "usefixtures":
            yield "uses fixtures of pytest (usefixtures), which the sandbox lacks"


def _fixtures(suite: ast.Module, nodes: list[ast.AST]) -> Iterator[str]:
    """Yield a fault for each test with a parameter that nothing provides."""
    mentioned = {n.id for n in nodes if isinstance(n, ast.Name)}
    for node in suite.body:
        if isinstance(node, _Function) and node.name.startswith("test"):
            yield from _missing_arguments(node, 0, mentioned)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and not node.bases:
            for method in node.body:
                if isinstance(method, _Function) and method.name.startswith("test"):
                    static = any(_last_name(d) == "staticmethod" for d in method.decorator_list)
                    marks = [*node.decorator_list, *method.decorator_list]
                    yield from _missing_arguments(method, 0 if static else 1, set(), marks)


def _missing_arguments(
    node: _Function, own: int, mentioned: set[str], marks: list[ast.expr] | None = None
) -> Iterator[str]:
    marks = node.decorator_list if marks is None else marks
    cases = [d for d in marks if _last_name(d) == "parametrize"]
    if node.name in mentioned and not cases:
        return  # a helper that other tests call
    if any(_last_name(d) in ("patch", "object", "dict", "given") for d in marks):
        return  # these decorators pass arguments of their own
    arguments = [*node.args.posonlyargs, *node.args.args]
    needed = arguments[own : len(arguments) - len(node.args.defaults)]
    parametrized = {name for each in cases for name in _parametrized(each)}
    missing = [a.arg for a in needed if a.arg not in parametrized]
    unknown = [name for name in missing if name in FIXTURES]
    if unknown or len(missing) > 1:
        fixtures = ", ".join(unknown or missing)
        yield f"{node.name} takes {fixtures}: the sandbox has no fixtures of pytest"


def _parametrized(decorator: ast.expr) -> list[str]:
    """Return the names of a ``parametrize``, as far as they are literals."""
    if not isinstance(decorator, ast.Call):
        return []
    argnames = [k.value for k in decorator.keywords if k.arg == "argnames"]
    names = (decorator.args or argnames)[0:1]
    texts = [n.value for each in names for n in ast.walk(each) if isinstance(n, ast.Constant)]
    return [name.strip() for text in texts if isinstance(text, str) for name in text.split(",")]


def _modules(nodes: list[ast.AST], tested: tuple[str, ...]) -> Iterator[str]:
    """Yield a fault for each import that seems to import from the program, but not its function."""
    attributes = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    imports: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            imports.setdefault(node.module, set()).update(a.name for a in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                imports.setdefault(alias.name, set())
    for module, names in imports.items():
        if seems_programs(module) and not is_programs(module, names, tested, attributes):
            imported = ", ".join(sorted(names)) or "nothing that it uses"
            yield f"imports {imported} from {module}, but the task asks for {tested[0]}"


def _bound_by_itself(suite: ast.Module, tested: tuple[str, ...]) -> Iterator[str]:
    """Yield the function's name if the suite binds it to something of its own."""
    for node in suite.body:
        names: list[str] = []
        if isinstance(node, (_Function, ast.ClassDef)):
            names = [node.name] if node.name != CHECK else []
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported = {alias.name for alias in node.names}
            if not is_programs(node.module, imported, tested, ()) and not node.level:
                names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            values = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            if not values:  # a value made of names may still be the program's function
                names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        yield from (name for name in names if name == tested[0])


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
