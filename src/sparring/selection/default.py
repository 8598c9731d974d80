"""The default rule: B4's most probable pass pattern, and in it the highest soft agreement.

Source: `b4` and `soft_agreement`; docs/results.md has the comparison with all other rules on four
sets of samples. Of a pattern's programs, which pass the same tests, soft agreement prefers those
whose values most other programs share. One rule serves all sizes: at 5 × 5 the rules hardly differ,
and from 10 × 10 on no other is more than 0.3 points better on any of the sets.

Degenerate cases: without a test soft agreement alone decides; without an input with a value all
programs are equal.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Floats
from sparring.selection import rules
from sparring.selection.evidence import Evidence
from sparring.selection.selectors import Selector

SELECTOR = Selector.SOFT_B4


def scores(evidence: Evidence) -> Floats:
    """Return the score of each program [..., P]; the highest is chosen."""
    return rules.scores(SELECTOR, evidence)


def chosen(evidence: Evidence) -> int | None:
    """Return the row of the chosen program: the first of those with the highest score, so that the
    same evidence gives the same choice. None without a program."""
    return int(np.argmax(scores(evidence))) if evidence.programs else None
