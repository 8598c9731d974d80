"""The README's picture of a step is what its script draws, and its rewards are the equations'."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "step_picture.py"))


def test_the_picture_is_the_scripts(script: dict[str, Any]) -> None:
    drawn = script["svg"]()
    assert drawn == script["OUT"].read_text(encoding="utf-8")
    assert script["svg"]() == drawn  # nothing in it is from the clock or a memory address
    ElementTree.fromstring(drawn)
    # a page shows it beside no font, picture or script of another place
    assert not re.search(r"(href|url\(|<script|@import)", drawn)


def test_its_rewards_are_those_of_the_equations_by_hand(script: dict[str, Any]) -> None:
    step = script["play"]()
    assert step.correct_P.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(step.coder_P, [3, 1, 2, 3])
    # the right test that fails both wrong programs, one that all pass, one that nobody passes, and
    # a wrong test that a wrong program passes
    np.testing.assert_array_equal(step.tester_U, [2, 0, 0, -1])
