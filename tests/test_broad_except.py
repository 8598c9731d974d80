"""Broad ``except`` stands only with its reason beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import sparring

ROOT = Path(sparring.__file__).parent
BROAD = ("Exception", "BaseException")


def unexplained(source: str) -> list[int]:
    """Lines of handlers that catch everything and say nothing of why."""
    lines = source.splitlines()
    broad = [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or any(isinstance(n, ast.Name) and n.id in BROAD for n in ast.walk(node.type))
        )
    ]
    return [n for n in broad if "#" not in lines[n - 1].split("noqa: BLE001")[-1]]


def test_every_broad_handler_has_its_reason() -> None:
    found = {p: unexplained(p.read_text(encoding="utf-8")) for p in ROOT.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_rule_itself_finds_what_it_forbids() -> None:
    assert unexplained("try: f()\nexcept Exception:\n    pass") == [2]
    assert unexplained("try: f()\nexcept (ValueError, BaseException): pass") == [2]
    assert unexplained("try: f()\nexcept Exception:  # noqa: BLE001\n    pass") == [2]
    assert unexplained("try: f()\nexcept Exception:  # noqa: BLE001  # it may\n    pass") == []
    assert unexplained("try: f()\nexcept ValueError: pass") == []
