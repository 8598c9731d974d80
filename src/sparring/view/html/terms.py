"""Explanations of `view.explain` as lines of the page.

A line is a label and a text. The lines are: the rule in force, the reward's terms, the reward, the
advantage's terms, the advantage, and last the figures that differ from the record. This module
computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.rewards.terms import number
from sparring.view.explain import Applied, Explained, Explanation, amount

Line = tuple[str, str]
"""Label and text of a line."""


def coder_lines(explained: Explained) -> list[list[Line]]:
    """Return for each program the lines that lead to its reward and advantage."""
    return [[("rule", one.rule), *_lines(one)] for one in explained.coder]


def tester_lines(explained: Explained) -> list[list[Line]]:
    """Return for each generated test the lines that lead to its reward and advantage."""
    head: list[Line] = []
    if (facts := explained.facts) is not None:
        wrong_P = facts.tester_matrix.wrong_P
        initial = int(wrong_P[len(explained.coder) :].sum())
        initial_note = f" ({initial} of the initial policy)" if initial else ""
        head = [("wrong programs W", f"{int(wrong_P.sum())}{initial_note}")]
    return [[("rule", one.rule), *head, *_lines(one)] for one in explained.tester]


def _lines(one: Explanation) -> list[Line]:
    masked = math.isnan(one.reward)
    reward = "none: masked, no part in the loss" if masked else _minus(number(one.reward))
    return [
        *_terms(one.reward_terms),
        ("reward", reward),
        *_terms(one.advantage_terms),
        ("advantage", _minus(number(one.advantage, True))),
        *(("differs", line) for line in one.differs()),
    ]


def _terms(terms: Sequence[Applied]) -> list[Line]:
    return [(_minus(amount(term)), term.reason) for term in terms]


def _minus(text: str) -> str:
    """Replace hyphens by minus signs."""
    return text.replace("-", "−")
