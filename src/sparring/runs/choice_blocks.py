"""Figures of an evaluation at one scale, side by side: one of n programs, chosen by m tests.

The rules of a block are computed from the same responses, so they cost the same tokens. One rule is
an exception, and its label says so: its ties are decided by all samples of a task. The first line
is a single sample, the last the oracle; a rule that is worse than a single sample is worse than no
choice. With one program there is no choice, and no block.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sparring.runs.labels import AT_SCALE, RULE_WORDS

ONE_SAMPLE = "pass@1"


@dataclass(frozen=True, slots=True)
class ChoiceBlock:
    """Scale of n programs and m tests, and the labels of its figures by name, in order."""

    n: int
    m: int
    labels: Mapping[str, str]

    def title(self, *tokens: float | None) -> str:
        """Return the block's heading, with the tokens that a task costs where they are known: one
        number for each evaluation that is shown."""
        known = " and ".join(f"{t:,.0f}" for t in tokens if t is not None)
        programs, tests = f"{self.n} programs", f"{self.m} test{'' if self.m == 1 else 's'}"
        return f"One of {programs} chosen by {tests}" + (
            f" ({known} tokens a task)" if known else ""
        )


def choice_blocks(names: Collection[str]) -> list[ChoiceBlock]:
    """Return a block for each scale of several programs among the figures ``names``."""
    scales: dict[tuple[int, int], set[str]] = {}
    for name in names:
        if match := AT_SCALE.fullmatch(name):
            scales.setdefault((int(match[2]), int(match[3])), set()).add(name)
    blocks = []
    for (n, m), at_scale in sorted(scales.items()):
        if n > 1:
            labels = {f"{rule}_{n}x{m}": words for rule, words in RULE_WORDS.items()}
            kept = {name: words for name, words in labels.items() if name in at_scale}
            first = {ONE_SAMPLE: "one sample (pass@1)"} if ONE_SAMPLE in names else {}
            blocks.append(ChoiceBlock(n, m, first | kept))
    return blocks


def plain_names(names: Collection[str]) -> list[str]:
    """Return the figures that belong to no scale."""
    return [name for name in names if not AT_SCALE.fullmatch(name)]


def tokens_of(record: Mapping[str, Any], block: ChoiceBlock) -> float | None:
    """Return the sampled tokens of n programs and m tests, by the mean response of each role in
    eval.json; None where a role that was asked has no token count."""
    responses = record.get("responses", {})
    parts = {"coder": block.n, "tester": block.m}
    total = 0.0
    for role, count in parts.items():
        tokens = responses.get(role, {}).get("tokens")
        if count and tokens is None:
            return None
        total += count * (tokens or 0.0)
    return total
