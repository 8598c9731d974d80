"""The arms of the comparison, and the settings that make each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Arm(StrEnum):
    """Arm of the comparison: the recipe with some settings changed."""

    DEFAULT = "default"
    SIMPLE = "simple"
    """The default with the paper's simple reward: a test is paid for being right, not for the wrong
    programs that it catches."""
    PAPER = "paper"
    """The method of arXiv 2506.03136 v2, with the recipe's rates, lengths and sizes. Its coder sees
    no public examples, and its reader takes the last test of a response; it is measured by the
    recipe's prompts and reader, as all arms are."""
    CODER_ONLY = "coder_only"
    """The default with a frozen tester, which writes one test per task."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Fields of the recipe that make the arm, with their values."""
        return _SETTINGS[self]


_SETTINGS: Mapping[Arm, Mapping[str, object]] = {
    Arm.DEFAULT: {},
    Arm.SIMPLE: {"reward.tester": "simple"},
    Arm.PAPER: {"preset": "paper"},
    Arm.CODER_ONLY: {"learning.frozen": "tester", "sampling.tests": 1},
}
