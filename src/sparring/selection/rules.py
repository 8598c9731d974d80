"""Scores of programs by the name of a selector.

Each rule is a module with a function ``scores`` of `Evidence`; this module joins them to
`Selector`. `evidence.chances` turns scores into the chance that each program is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sparring.matrix import Floats
from sparring.selection import (
    aces,
    b4,
    clusters,
    dual_agreement,
    majority,
    mpsc,
    soft_agreement,
    tests_passed,
)
from sparring.selection.consensus import Weight
from sparring.selection.evidence import Evidence, ties_by
from sparring.selection.selectors import Selector

_ALONE: Mapping[Selector, Callable[[Evidence], Floats]] = {
    Selector.BON: tests_passed.scores,
    Selector.MAJORITY: majority.scores,
    Selector.SOFT: soft_agreement.scores,
    Selector.CLUSTERS: clusters.scores,
    Selector.DUAL: dual_agreement.scores,
    Selector.DUAL_ROOT: lambda evidence: dual_agreement.scores(evidence, Weight.ROOT),
    Selector.MPSC: mpsc.scores,
    Selector.ACES: aces.scores,
    Selector.B4: b4.scores,
}
"""Rules that leave equal programs equal."""

_WITH_TIES: Mapping[Selector, tuple[Selector, Selector]] = {
    Selector.MAJORITY_BON: (Selector.BON, Selector.MAJORITY),
    Selector.SOFT_BON: (Selector.BON, Selector.SOFT),
    Selector.SOFT_DUAL: (Selector.DUAL, Selector.SOFT),
    Selector.SOFT_B4: (Selector.B4, Selector.SOFT),
}
"""Rules of which the second orders the programs that the first finds equal."""

RULES = (*_ALONE, *_WITH_TIES)
"""Selectors that need nothing but evidence: neither the ground truth (the oracle) nor other samples
(ties by agreement of all samples)."""


def all_scores(evidence: Evidence) -> dict[Selector, Floats]:
    """Return the scores by every selector of `RULES`, each rule computed once."""
    alone = {selector: rule(evidence) for selector, rule in _ALONE.items()}
    tied = {s: ties_by(alone[first], alone[second]) for s, (first, second) in _WITH_TIES.items()}
    return alone | tied


def scores(selector: Selector, evidence: Evidence) -> Floats:
    """Return the score of each program [..., P] by one selector of `RULES`; the highest is chosen.
    Raises ValueError for another selector."""
    if selector in _WITH_TIES:
        first, second = _WITH_TIES[selector]
        return ties_by(_ALONE[first](evidence), _ALONE[second](evidence))
    if selector not in _ALONE:
        raise ValueError(f"{selector}: evidence is not enough; choose one of {', '.join(RULES)}")
    return _ALONE[selector](evidence)
