"""The storeys: imports go down only, rooms don't know each other, torch stays in its place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sparring

ROOT = Path(sparring.__file__).parent
STOREYS: list[set[str]] = [
    {"schema", "errors", "values", "testnames", "__init__"},
    {"tasks", "prompts", "policy", "sampling", "sandbox", "scoring", "learning", "runs"},
    {"recipe", "microworld", "pipelines", "starters"},
    {"config"},
    {
        "audit",
        "evalfiles",
        "evaluate",
        "figures",
        "interrupt",
        "passrates",
        "planning",
        "report",
        "show",
        "sources",
        "theory",
        "train",
        "training",
        "trl",
        "why",
    },
    {"evaluation"},
    {"cli"},
]
ALONE = STOREYS[1] | {"microworld", "pipelines"}
"""Parts of one storey that must not import each other."""
NAMED = {("policy", "microworld"), ("sampling", "policy"), ("learning", "policy")}
"""Arrows that are allowed all the same: the nano model's place; models found, servers asked."""


def part(module: str) -> str:
    """The room or top-level module that a dotted name belongs to."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def imports(source: str) -> list[str]:
    """Every module of the project that a source file imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            base = node.module or ""
            if base == "sparring":
                found += [f"sparring.{a.name}" for a in node.names if a.name != "__version__"]
            else:
                found.append(base)
    return [m for m in found if m.split(".")[0] == "sparring"]


def storey(name: str) -> int:
    return next(i for i, names in enumerate(STOREYS) if name in names)


def faults(name: str, source: str) -> list[str]:
    """What is wrong with the imports of a file that belongs to ``name``."""
    wrong = []
    for module in imports(source):
        other = part(module)
        if other == name or (name, other) in NAMED:
            continue
        if storey(other) > storey(name):
            wrong.append(f"{name} imports {module}, which is above it")
        elif name in ALONE and other in ALONE and storey(other) == storey(name):
            wrong.append(f"{name} imports {module}, its neighbour")
    return wrong


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_go_down_only(path: Path) -> None:
    relative = path.relative_to(ROOT)
    name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    assert faults(name, path.read_text(encoding="utf-8")) == []


def test_the_rule_itself_finds_what_it_forbids() -> None:
    assert faults("scoring", "from sparring.tasks.load import load_tasks")
    assert faults("scoring", "def f():\n    import sparring.training.loop")
    assert faults("schema", "from sparring import scoring")
    assert faults("pipelines", "from sparring.training.ring import Ring")
    assert not faults(
        "train", "from sparring.training.ring import Ring\nfrom sparring.scoring import matrix"
    )


@pytest.mark.parametrize(
    "name",
    [
        "sandbox",
        "scoring.metrics",
        "tasks.load",
        "prompts.parse",
        "config",
        "sampling.vllm.sampler",
        "cli.main",
    ],
)
def test_torch_is_not_imported_by(name: str) -> None:
    code = f"import sys, sparring.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
