"""The benchmark of a step: what cannot be measured is said before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import step


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--steps", "0"], "--steps 0: at least one is measured"),
        (["--src", "/nowhere"], "--src /nowhere: there is no sparring in it"),
        (["--set", "learning.kl_coef"], "--set learning.kl_coef: must be section.key=value"),
    ],
)
def test_an_impossible_measurement_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str], told: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["step.py", *given])
    with pytest.raises(SystemExit) as ended:
        step.main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
