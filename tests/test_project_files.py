"""Facts that several files of the project repeat: address, version, authors, make targets."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import sparring

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ADDRESS = PROJECT["tool"]["sparring"]["address"]
OURS = re.compile(r"https?://[^\s)\]>\"'`]*/sparring\b[^\s)\]>\"'`]*", re.IGNORECASE)
"""A web address with a path segment that begins with the project's name."""
PLACES = ("src", "docs", "benchmarks", "examples", "recipes", "tools", ".github", ".ci")
TEXT = {"", ".cff", ".css", ".html", ".js", ".md", ".py", ".sh", ".svg", ".toml", ".yml"}


def published() -> list[Path]:
    """Every text file that a reader or user of the project sees, but for pyproject.toml."""
    inside = [p for place in PLACES for p in (ROOT / place).rglob("*")]
    files = [p for p in [*ROOT.iterdir(), *inside] if p.is_file() and p.suffix in TEXT]
    return [p for p in files if p.name not in (".git", "pyproject.toml")]


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_no_file_links_to_an_address_that_is_not_set() -> None:
    """With an empty address no link may stand anywhere; with one, no link to another."""
    linked = {
        str(path.relative_to(ROOT)): wrong
        for path in published()
        if (wrong := foreign_links(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert linked == {}


def foreign_links(text: str) -> list[str]:
    """The links in ``text`` to the project, but for those to its address."""
    return [x for x in OURS.findall(text) if not ADDRESS or not x.startswith(ADDRESS)]


def test_a_link_to_the_project_would_be_found() -> None:
    assert OURS.findall("see [it](https://github.com/someone/sparring/issues)") == [
        "https://github.com/someone/sparring/issues"
    ]
    assert OURS.findall("arXiv, https://arxiv.org/abs/2506.03136") == []


def test_the_address_stands_where_tools_look_for_it() -> None:
    urls = PROJECT["project"].get("urls", {})
    citation = read_yaml("CITATION.cff")
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    if ADDRESS:
        assert urls["Repository"] == citation["repository-code"] == ADDRESS
        assert f"{ADDRESS}/security/advisories/new" in security
    else:
        assert not urls
        assert not {"url", "repository-code", "repository"} & set(citation)


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    citation = read_yaml("CITATION.cff")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    assert newest is not None
    assert sparring.__version__ == version == citation["version"] == newest[1]
    assert str(citation["date-released"]) == newest[2]


def test_the_citation_names_the_authors_of_the_package() -> None:
    citation = read_yaml("CITATION.cff")
    assert citation["authors"] == PROJECT["project"]["authors"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_workflow_calls_make_targets_that_are_there() -> None:
    """Every Python that the workflow tests is one that the package allows."""
    workflow = read_yaml(".github/workflows/tests.yml")
    targets = re.findall(
        r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    called = {
        word
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("run", "").startswith("make ")
        for word in step["run"].split()[1:]
    }
    assert called == {"setup", "check", "test", "test-slow"}
    assert called <= set(targets)
    for job in workflow["jobs"].values():
        assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
