"""Who chooses one of n programs by m tests: every selector by name, in the order of tables.

A selector's figure stands under ``NAME_NxM``. `metrics.benchmark` measures it, `metrics.named`
gives it an interval, `runs.labels` reads it back; all take the names from here.
"""

from __future__ import annotations

from enum import StrEnum


class Selector(StrEnum):
    """A way to choose among programs."""

    BON = "bon"
    AGREEMENT_BON = "agreement_bon"
    MAJORITY = "majority"
    DUAL = "dual"
    ORACLE = "oracle"
    """A correct one, if there is one: pass@n, which no choice exceeds."""


WORDS = {
    Selector.BON: "tests passed",
    Selector.AGREEMENT_BON: "ties by agreement",
    Selector.MAJORITY: "majority of answers",
    Selector.DUAL: "dual agreement",
    Selector.ORACLE: "oracle",
}
"""What people read of each: by what it chooses."""
