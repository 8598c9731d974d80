"""The official code's own numbers, which the `official` preset should give to the last digit."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden.check_vectors import main, mismatches
from tests.shared import shared

NAME = "vectors/reference_rewards.json"


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(shared(NAME).read_text())
    return data


def test_the_preset_gives_the_official_numbers(golden: dict[str, Any]) -> None:
    """Rewards as advantages, length transform, second stage, dropped groups; statistics and
    Best-of-N by the first index."""
    assert len(golden["rewards"]) >= 160
    assert len(golden["statistics"]) >= 6
    assert mismatches(golden) == []


def test_every_kind_of_number_is_compared(golden: dict[str, Any]) -> None:
    changed = copy.deepcopy(golden)
    first = next(g for g in changed["rewards"] if g["code_advantages"] is not None)
    first["code_advantages"][0] += 1e-6
    kept = next(g for g in changed["rewards"] if g["test_advantages"] is None)
    kept["test_advantages"] = [0.0]
    changed["statistics"][0]["expected"]["p_00"] += 1e-6
    changed["statistics"][1]["expected"]["bon"]["1x1"]["acc"] += 1e-6
    assert len(mismatches(changed)) == 4


def test_the_command_counts_and_says_so_by_its_status(golden: dict[str, Any]) -> None:
    file = shared(NAME)
    command = [sys.executable, "-m", "tests.golden.check_vectors", str(file)]
    root = Path(__file__).parents[2]
    process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    compared = f"{len(golden['rewards'])} groups, {len(golden['statistics'])} batches"
    assert (process.returncode, process.stdout) == (0, f"compared: {compared}\nmismatches: 0\n")


def test_what_is_no_such_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text('{"rewards": [{}]}')
    assert main([str(odd)]) == 2
    assert main([str(tmp_path / "none.json")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("text", ["{}", '{"rewards": [], "statistics": []}', '{"reward": [1]}'])
def test_a_file_that_holds_nothing_does_not_pass(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text(text)
    assert main([str(empty)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "neither rewards nor statistics" in captured.err
