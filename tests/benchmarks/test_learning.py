"""The learning benchmark: a shape that fails takes no other shape's figures with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.nano import tiny_model

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import learning
from learning import Figures, Unsound


def figures(shape: tuple[int, int, int]) -> Figures:
    return Figures(*shape, 1, 10, *(1.0,) * 3, 4, 4, *(2.0,) * 9)


def test_figures_are_kept_as_they_arrive_and_a_failure_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def measured(model: Any, trainer: Any, shape: tuple[int, int, int], *rest: Any) -> Figures:
        if file.exists():
            seen.append(len(json.loads(file.read_text())["shapes"]))
        if shape == (100, 60, 16):
            raise Unsound("differs")
        return figures(shape)

    file = tmp_path / "figures.json"
    monkeypatch.setattr(learning, "measured", measured)
    monkeypatch.setattr(learning, "trl_trainer", lambda model: None)
    monkeypatch.setattr(learning, "smollm2", tiny_model)
    monkeypatch.setattr(sys, "argv", ["learning.py", "--model", "smollm2", "--json", str(file)])
    with pytest.raises(SystemExit, match="1 of 12 shapes"):
        learning.main()
    report = json.loads(file.read_text())
    assert seen == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert len(report["shapes"]) == 11
    assert report["failed"] == ["differs"]
