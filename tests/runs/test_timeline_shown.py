"""`sparring timeline` of records, without a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app


@pytest.mark.parametrize("step", [None, 2.5, "2"])
def test_a_line_without_a_number_of_a_step_is_of_none(tmp_path: Path, step: object) -> None:
    """Such as an evaluation's. A search for it in the range of all steps would have no end."""
    account = {"seconds": 2.0, "intervals": [["learning", "main", 0.0, 1.0]]}
    lines = [{"evaluation": 0} if step is None else {"step": step}, {"step": 1}]
    for name, part in (("timeline.jsonl", account), ("timing.jsonl", {"learned_per_s": 7.0})):
        text = "".join(json.dumps({**line, **part}) + "\n" for line in lines)
        (tmp_path / name).write_text(text)
    (tmp_path / "recipe.json").write_text("{}")
    done = CliRunner().invoke(app, ["timeline", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "1 steps, 2.0 s" in done.output
    assert "means over steps: learned tokens/s 7" in done.output
