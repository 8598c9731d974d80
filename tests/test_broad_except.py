"""Broad ``except`` and ``suppress`` stand only with their reason beside them."""

from __future__ import annotations

import ast
from pathlib import Path

import sparring

ROOT = Path(sparring.__file__).parent
BROAD = ("Exception", "BaseException")


def unexplained(source: str) -> list[int]:
    """Lines of handlers and of `suppress` that catch everything and say nothing of why."""
    lines = source.splitlines()
    broad = [node.lineno for node in ast.walk(ast.parse(source)) if _is_broad(node)]
    return [n for n in broad if "#" not in lines[n - 1].split("noqa: BLE001")[-1]]


def _is_broad(node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(type=None):
            return True
        case ast.ExceptHandler(type=ast.expr() as caught):
            return _named(caught)
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=caught):
            return any(map(_named, caught))
    return False


def _named(caught: ast.expr) -> bool:
    """Whether a broad class is among these."""
    return any(isinstance(n, ast.Name) and n.id in BROAD for n in ast.walk(caught))


def test_every_broad_handler_has_its_reason() -> None:
    found = {p: unexplained(p.read_text(encoding="utf-8")) for p in ROOT.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_rule_itself_finds_what_it_forbids() -> None:
    assert unexplained("try: f()\nexcept Exception:\n    pass") == [2]
    assert unexplained("try: f()\nexcept (ValueError, BaseException): pass") == [2]
    assert unexplained("try: f()\nexcept Exception:  # noqa: BLE001\n    pass") == [2]
    assert unexplained("try: f()\nexcept Exception:  # noqa: BLE001  # it may\n    pass") == []
    assert unexplained("try: f()\nexcept ValueError: pass") == []
    assert unexplained("with contextlib.suppress(Exception):\n    f()") == [1]
    assert unexplained("with suppress(KeyError, BaseException):\n    f()") == [1]
    assert unexplained("with suppress(Exception):  # it may\n    f()") == []
    assert unexplained("with suppress(KeyError):\n    f()") == []
