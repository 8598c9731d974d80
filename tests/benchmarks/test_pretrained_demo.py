"""The demo of the pretrained model: mistakes are met before anything is converted or made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.pretrained import demo

from sparring.errors import ConfigError, DataError, RunError
from sparring.microworld import NANO_DIR


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of the demo with two task files; a conversion would fail."""
    for name in ("mbpp", "humaneval"):
        task = {"question": f"Double n ({name}).", "tests": [{"input": "2\n", "output": "4\n"}]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(task) + "\n")
    monkeypatch.setattr(demo, "initial_model_of", None)
    sources = ["--mbpp", str(tmp_path / "mbpp.jsonl"), "--humaneval"]
    sources += [str(tmp_path / "humaneval.jsonl"), "--out", str(tmp_path / "out")]
    return ["demo", "--model", str(NANO_DIR), *sources, "--run", str(tmp_path / "run")]


def test_mistakes_are_met_first(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    for more, kind, message in (
        ((), RunError, r"run is not empty; choose another --run$"),
        (("--steps", "0"), ConfigError, r"training\.steps"),
        (("--mbpp", str(tmp_path / "none.jsonl")), DataError, r"none\.jsonl"),
    ):
        monkeypatch.setattr("sys.argv", [*words, *more])
        with pytest.raises(kind, match=message):
            demo.main()
    assert not (tmp_path / "out").exists()
