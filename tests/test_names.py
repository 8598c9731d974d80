"""Names that the changelog's tables give up are in no module, recipe or program of this tree."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel

import sparring
from sparring.config.recipe import Recipe

ROOT = Path(__file__).parent.parent
PACKAGE = Path(sparring.__file__).parent
ARROW = re.compile(r"`([^`]+)` → `([^`]+)`")
SOURCES = sorted(
    path
    for directory in ("src", "tests", "benchmarks", "examples", "tools")
    for path in (ROOT / directory).rglob("*.py")
)


def table(heading: str) -> dict[str, list[tuple[str, str]]]:
    """Return the (old, new) pairs of a table of the changelog by the first cell of their row."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    part = text.split(f"\n#### {heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", part, re.MULTILINE)
    pairs = {first.strip("`[]"): ARROW.findall(rest) for first, rest in rows}
    return {first: found for first, found in pairs.items() if found}


def module_file(name: str) -> Path | None:
    """Return the file of a module of the package by its dotted name below it."""
    path = PACKAGE.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((c for c in candidates if c.exists()), None)


def top_level(tree: ast.Module) -> set[str]:
    """Return the names that a module defines itself, imports left out."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Yield every identifier of a source: definitions, names, attributes, arguments, imports."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.Name():
                yield node.id
            case ast.Attribute():
                yield node.attr
            case ast.arg():
                yield node.arg
            case ast.keyword(arg=str(name)):
                yield name
            case ast.alias():
                yield from node.name.split(".")
                yield from [node.asname] if node.asname else []


def sections() -> dict[str, type[BaseModel]]:
    """Return the sections of a recipe by name."""
    return {
        name: field.annotation
        for name, field in Recipe.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def defined_at(package: str, dotted: str) -> tuple[Path | None, str]:
    """Return the file and the name of ``module.Name`` in a package or root module."""
    module, _, name = f"{package}.{dotted}".rpartition(".")
    return module_file(module), name


CLASSES = [
    (package, old, new)
    for package, pairs in table("Classes and functions").items()
    for old, new in pairs
]


def test_no_module_has_an_old_name() -> None:
    pairs = [
        (f"{package}.{old}", f"{package}.{new}")
        for package, found in table("Modules").items()
        for old, new in found
    ]
    assert len(pairs) > 40
    assert not [old for old, _ in pairs if module_file(old)]
    assert not [new for _, new in pairs if not module_file(new)]


def test_no_class_or_function_has_its_old_name() -> None:
    assert len(CLASSES) > 190
    problems = []
    for package, old, new in CLASSES:
        old_file, old_name = defined_at(package, old)
        new_file, new_name = defined_at(package, new)
        if new_file is None or new_name not in top_level(ast.parse(new_file.read_text())):
            problems.append(f"{package}.{new} is not there")
        for file in {old_file, new_file} - {None}:
            if old_name in top_level(ast.parse(file.read_text())):
                problems.append(f"{file} still defines {old_name}")
    assert not problems


def test_no_identifier_is_one_of_the_old_words() -> None:
    old_words = {old for pairs in table("Identifiers").values() for old, _ in pairs}
    assert len(old_words) > 40
    problems = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in sorted({*identifiers(ast.parse(path.read_text(encoding="utf-8")))} & old_words)
    ]
    assert not problems


def test_no_recipe_has_an_old_key_or_value() -> None:
    found = sections()
    problems = []
    for section, pairs in table("Recipe keys").items():
        old_section, _, new_section = section.partition("]` → `[")
        if new_section and old_section in found:
            problems.append(f"[{old_section}]")
        fields = found[new_section or old_section].model_fields
        problems += [f"{section}: {old}" for old, _ in pairs if old in fields]
        problems += [f"{section}: no {new}" for _, new in pairs if new not in fields]
    for key, pairs in table("Values").items():
        section, _, name = key.partition(".")
        annotation = found[section].model_fields[name].annotation
        values = {
            str(member)
            for part in (annotation, *getattr(annotation, "__args__", ()))
            if isinstance(part, type) and issubclass(part, StrEnum)
            for member in part
        }
        problems += [f"{key} = {old}" for old, _ in pairs if old in values]
        problems += [f"{key}: no {new}" for _, new in pairs if new not in values]
    assert not problems


def test_no_record_has_an_old_key() -> None:
    """Keys of records are string constants of the sources that write and read them."""
    old_keys = {old for pairs in table("Records and figures").values() for old, _ in pairs}
    problems = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in SOURCES
        if path.is_relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in old_keys
    ]
    assert problems == ["src/sparring/evaluation/conditions.py: withheld"]  # in a hash, as before


def test_no_public_class_name_has_two_meanings() -> None:
    places = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(str(path.relative_to(PACKAGE)))
    assert not {name: files for name, files in places.items() if len(files) > 1}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("class Bout: ...", "Bout"), ("async def bout(): ...", "bout"), ("bout = 1", "bout"),
        ("x.bout", "bout"), ("def f(*, bout): ...", "bout"), ("f(bout=1)", "bout"),
        ("import a.bout", "bout"), ("from a import x as bout", "bout"), ("lambda bout: 1", "bout"),
    ],
)  # fmt: skip
def test_an_identifier_is_found_wherever_it_stands(source: str, name: str) -> None:
    assert name in identifiers(ast.parse(source))
