"""Selectors that choose one of n programs by m tests, by name, in the order of tables.

The figure of a selector is called ``NAME_NxM``. `rules.scores` applies a selector to evidence,
`metrics.benchmark` measures it, `metrics.metric_intervals` gives it an interval, `runs.labels`
reads it back; all take the names from here.
"""

from __future__ import annotations

from enum import StrEnum


class Selector(StrEnum):
    """Rule for choosing among programs."""

    BON = "bon"
    AGREEMENT_BON = "agreement_bon"
    """Agreement among all samples of a task, whatever subset is drawn: a figure of an evaluation,
    and no rule for n programs and m tests alone."""
    MAJORITY_BON = "majority_bon"
    SOFT_BON = "soft_bon"
    MAJORITY = "majority"
    SOFT = "soft"
    CLUSTERS = "clusters"
    DUAL = "dual"
    DUAL_ROOT = "dual_root"
    SOFT_DUAL = "soft_dual"
    MPSC = "mpsc"
    ACES = "aces"
    B4 = "b4"
    SOFT_B4 = "soft_b4"
    ORACLE = "oracle"
    """Chooses a correct program if there is one: pass@n, which no selector exceeds."""


WORDS = {
    Selector.BON: "tests passed",
    Selector.AGREEMENT_BON: "tests passed, ties by agreement of all samples",
    Selector.MAJORITY_BON: "tests passed, ties by majority of answers",
    Selector.SOFT_BON: "tests passed, ties by soft agreement",
    Selector.MAJORITY: "majority of answers",
    Selector.SOFT: "soft agreement of answers",
    Selector.CLUSTERS: "clusters on distinguishing inputs (S*)",
    Selector.DUAL: "dual agreement (CodeT)",
    Selector.DUAL_ROOT: "dual agreement, √programs (CodeT's code)",
    Selector.SOFT_DUAL: "dual agreement, ties by soft agreement",
    Selector.MPSC: "mutual consistency (MPSC)",
    Selector.ACES: "weighted tests (ACES)",
    Selector.B4: "most probable pattern (B4)",
    Selector.SOFT_B4: "most probable pattern, ties by soft agreement",
    Selector.ORACLE: "oracle",
}
"""Words that people read for each selector."""

BY_ANSWERS = frozenset(
    {
        Selector.AGREEMENT_BON,
        Selector.MAJORITY_BON,
        Selector.SOFT_BON,
        Selector.MAJORITY,
        Selector.SOFT,
        Selector.CLUSTERS,
        Selector.SOFT_DUAL,
        Selector.SOFT_B4,
    }
)
"""Selectors that need the programs' answers, beside the pass matrix or instead of it."""
