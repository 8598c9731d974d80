"""What docs and docstrings refer to is there: links, headings, files, modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sparring"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(p for p in sorted((ROOT / "docs").glob("*.md")) if p.name != "log.md"),  # a history
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]+)?\)")
FILE = re.compile(r"`(?:src/sparring/)?((?:[\w-]+/)+[\w-]+\.py)(?:[:,][^`]*)?`")
MODULE = re.compile(r"`{1,2}((?:[a-z_]+\.)+[a-z_]+)`{1,2}")
FOREIGN = {  # files and names of other projects, and of what evaluations write
    "lcb_runner/evaluation/testing_util.py",
    "HumanEval_0/0.py",
    "model.generate",
    "http.client",
}
FILES = (".json", ".jsonl", ".py", ".toml", ".md")
PACKAGES = {p.name for p in SOURCE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / place if place else page
        if not target.exists() or (anchor and anchor[1:] not in anchors(target)):
            dead.append(f"{place}{anchor}")
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    places = ("src", "tests", "benchmarks", "examples", "recipes", "tools")
    ours = [str(p) for d in places for p in (ROOT / d).rglob("*.py")]
    named = set(FILE.findall(page.read_text(encoding="utf-8"))) - FOREIGN
    missing = [n for n in named if not any(path.endswith(f"/{n}") for path in ours)]
    assert [n for n in missing if "NAME" not in n] == []


def settings() -> set[str]:
    """The recipe's sections, whose keys look like names of modules: ``prompts.read_tests``."""
    from sparring.config.recipe import Recipe

    return {
        f"{section}.{key}"
        for section, field in Recipe.model_fields.items()
        for key in getattr(field.annotation, "model_fields", ())
    }


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module defines."""
    place = SOURCE
    parts = name.split(".")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if not parts:
        return True
    file = place / f"{parts[0]}.py"
    if file.exists():
        parts.pop(0)
    else:
        file = place / "__init__.py"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return not parts or re.search(rf"\b{re.escape(parts[0])}\b", text) is not None


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_modules_that_docstrings_name_are_there(package: str) -> None:
    known, dead = settings(), []
    for path in sorted((SOURCE / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        nodes = [n for n in ast.walk(tree) if isinstance(n, documented)]
        for name in {m for n in nodes for m in MODULE.findall(ast.get_docstring(n) or "")}:
            head = name.split(".")[0]
            ours = head in PACKAGES or (SOURCE / package / f"{head}.py").exists()
            if (
                not ours
                or name in FOREIGN
                or name.endswith(FILES)
                or name in known
                or ".".join(name.split(".")[:2]) in known
            ):
                continue
            if not is_there(name) and not is_there(f"{package}.{name}"):
                dead.append(f"{path.relative_to(SOURCE)}: {name}")
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page: Path) -> None:
    width, problems = None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|"):
            width = None
            continue
        cells = re.sub(r"`[^`]*`|\\\|", "", line).count("|")
        width = cells if width is None else width
        if cells != width or not line.endswith("|"):
            problems.append(f"{page.name}:{number}: {line[:60]}")
    assert not problems
