"""Function tasks on the page: calls as Python writes them, scripts without an output."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.view.html import pages
from tests.view.html.test_pages import blobs
from tests.view.terminal.functions import SCRIPT, functions
from tests.view.terminal.recorded_runs import run_of


def test_the_page_shows_calls_as_python_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PANELS", ())
    run = run_of(tmp_path / "run", {1: [functions()]})
    pages.write_file([run], tmp_path / "r.html")
    found = blobs(tmp_path / "r.html")["g-0-1-0"]
    script, call = found["columns"][:2]
    assert (script["input"], script["expected"], script["form"]) == (SCRIPT, None, "script")
    assert call["input"] == "Solution().f(1, [2, 3], key='a')"
    assert call["expected"] == "(4,)"
    tolerant = [c for c in found["columns"] if c.get("rule") == "value(abs=0.01)"]
    assert [c["expected"] for c in tolerant] == ["0.5"]
    calls = [i for i, c in enumerate(found["columns"]) if c.get("form") == "call"]
    said = {row["cells"][i][1] for row in found["rows"] for i in calls if row["cells"][i]}
    assert said <= {"[1, {'b'}]", ""}
    assert "[1, {'b'}]" in said
