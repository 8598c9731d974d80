"""The page and the terminal call things alike, and the page explains what it names."""

from __future__ import annotations

import re
from pathlib import Path

import sparring.view.html
from sparring.rewards.advantages import DropReason
from sparring.runs.timeline import Phase
from sparring.schema import Verdict
from sparring.view.terminal.step import WHY
from sparring.view.terminal.symbols import symbol

ASSETS = Path(sparring.view.html.__file__).parent / "assets"


def test_the_page_and_the_terminal_have_one_language() -> None:
    """A reader of both takes U5 for U5, and a mark for the same verdict."""
    words = (ASSETS / "words.js").read_text(encoding="utf-8")
    found = dict(re.findall(r'^  (\w+): \["(.)", "\w+", "', words, re.MULTILINE))
    assert found == {v.value: symbol(v).plain for v in Verdict}
    letters = dict(re.findall(r'^  (\w+): \["([A-Z])", "', words, re.MULTILINE))
    assert letters == {
        "ground_truth": "G",
        "hidden": "H",
        "pseudo_label": "K",
        "generated": "U",
        "example": "E",
        "input": "X",
    }
    assert "index + 1" not in (ASSETS / "matrix.js").read_text(encoding="utf-8")


def test_the_page_explains_every_phase_and_every_reason_for_a_drop() -> None:
    words = (ASSETS / "words.js").read_text(encoding="utf-8")
    for phase in Phase:
        assert f'\n  {phase}: "Phase: ' in words, phase
    for reason in DropReason:
        assert f'\n  {reason}: "' in words, reason
        assert reason in WHY
