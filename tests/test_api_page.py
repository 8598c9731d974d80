"""docs/api.md is what its tool makes of the docstrings, and tells of every public name."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import sparring

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "api_page.py"))


def test_the_page_is_the_tools(tool: dict[str, Any]) -> None:
    made = tool["page"]()
    assert made == tool["OUT"].read_text(encoding="utf-8"), "make it anew: python tools/api_page.py"
    assert tool["page"]() == made
    assert "0x" not in made  # no memory address, no path of this machine
    assert str(ROOT) not in made


def test_every_public_name_and_argument_is_on_it(tool: dict[str, Any]) -> None:
    page = tool["OUT"].read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert heads[:-2] == [name for name in sparring.__all__ if name != "__version__"]
    for name in ("load_tasks", "evaluate", "train", "solve", "load_recipe"):
        part = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        signature = re.findall(r"^    \*?(\w+): ", part, re.MULTILINE)
        assert re.findall(r"^\| `(\w+)` \| (?=.*\w)", part, re.MULTILINE)[: len(signature)] == (
            signature
        )


def test_docstrings_become_markdown(tool: dict[str, Any]) -> None:
    prose = tool["prose"]
    text = (
        "Do it.\n\n- one\n  more\n- two\n\nArgs:\n    x: A ``y``\n        or a | b.\n    z: No.\n"
    )
    assert list(prose(text)) == [
        "Do it.",
        "- one more\n- two",
        "| argument | |\n|---|---|\n| `x` | A `y` or a \\| b. |\n| `z` | No. |",
    ]
    assert tool["marked"]("see docs/eval.md") == "see [eval.md](eval.md)"
