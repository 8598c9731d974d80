"""Selectors that choose one of n programs by m tests, by name, in the order of tables.

The figure of a selector is called ``NAME_NxM``. `metrics.benchmark` measures it,
`metrics.metric_intervals` gives it an interval, `runs.labels` reads it back; all take the names
from here.
"""

from __future__ import annotations

from enum import StrEnum


class Selector(StrEnum):
    """Rule for choosing among programs."""

    BON = "bon"
    AGREEMENT_BON = "agreement_bon"
    MAJORITY = "majority"
    DUAL = "dual"
    ORACLE = "oracle"
    """Chooses a correct program if there is one: pass@n, which no selector exceeds."""


WORDS = {
    Selector.BON: "tests passed",
    Selector.AGREEMENT_BON: "ties by agreement",
    Selector.MAJORITY: "majority of answers",
    Selector.DUAL: "dual agreement",
    Selector.ORACLE: "oracle",
}
"""Words that people read for each selector."""
