"""Rules measured on all draws at once, against one draw after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.matrix import PassMatrix
from sparring.metrics import drawn_evidence
from sparring.metrics.benchmark import _at_scale, measure
from sparring.metrics.drawn_evidence import OWN_FORMULA, solved_by_rules
from sparring.metrics.facts import TaskFacts
from sparring.selection import rules
from sparring.selection.evidence import Evidence, chances
from sparring.selection.ranked import subsets
from sparring.selection.selectors import BY_ANSWERS, Selector
from tests.metrics.test_benchmark import FOUR, facts


@st.composite
def task(draw: st.DrawFn) -> TaskFacts:
    """Draw a task of five programs and six tests on four inputs, of which some are unread."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    parsed = rng.random(6) < 0.8
    passed = (rng.random((5, 7)) < 0.5) & np.r_[True, parsed]
    place = np.cumsum(rng.random(6) < 0.6)
    answers = rng.integers(-1, 2, (5, place.max() + 1))
    return TaskFacts(
        PassMatrix(passed, np.ones((5, 7), bool), 1),
        parsed,
        parsed,
        None,
        np.full(6, 1.0),
        answers_PI=answers,
        input_U=np.where(parsed, place, -1),
    )


@given(task(), st.integers(2, 5), st.integers(0, 6), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_all_draws_at_once_are_each_draw_by_itself(
    one: TaskFacts, n: int, m: int, cells: int
) -> None:
    drawn = subsets(5, 6, n, m, draws=7)
    expected = dict.fromkeys(set(rules.RULES) - OWN_FORMULA, 0.0)
    for programs_P, tests_U in zip(drawn.programs_DP, drawn.tests_DU, strict=True):
        keep_U = tests_U & one.parsed_U
        assert one.input_U is not None
        assert one.answers_PI is not None
        inputs = sorted(set(one.input_U[keep_U].tolist()))
        alone = Evidence(
            one.matrix.passed_PU[programs_P][:, keep_U],
            one.matrix.observed_PU[programs_P][:, keep_U],
            one.answers_PI[programs_P][:, inputs],
        )
        for selector in expected:
            chance = chances(rules.scores(selector, alone))
            expected[selector] += float(chance @ one.matrix.correct_P[programs_P])
    expected = {s: value / len(drawn.programs_DP) for s, value in expected.items()}
    limit = drawn_evidence._MOST_CELLS
    drawn_evidence._MOST_CELLS = cells  # some draws at a time, or one
    try:
        assert solved_by_rules(one, one.parsed_U, drawn) == pytest.approx(expected)
    finally:
        drawn_evidence._MOST_CELLS = limit


@given(task())
@settings(max_examples=10, deadline=None)
def test_an_unread_test_was_observed_on_no_program(one: TaskFacts) -> None:
    rows, columns = np.arange(5)[None], np.arange(6)[None]
    evidence = drawn_evidence._evidence(one, one.parsed_U, rows, columns)
    assert evidence.used_U[0].tolist() == one.parsed_U.tolist()
    assert (evidence.answers_PI[0][:, ~one.parsed_U] == -1).all()


@given(task())
@settings(max_examples=30, deadline=None)
def test_formulas_of_their_own_and_rules_agree_on_all_programs_and_tests(one: TaskFacts) -> None:
    """`solve` chooses by the rules what `eval` measures by the formulas."""
    evidence = Evidence(
        one.matrix.passed_PU[:, one.parsed_U],
        one.matrix.observed_PU[:, one.parsed_U],
        np.zeros((5, 0), np.int64),
    )
    measured = _at_scale(one, 5, 6)
    for selector in (Selector.BON, Selector.DUAL):
        chance = chances(rules.scores(selector, evidence))
        assert float(chance @ one.matrix.correct_P) == pytest.approx(measured[selector]), selector


def test_a_rule_that_needs_answers_has_no_figure_without_them() -> None:
    blind = replace(FOUR, answers_PI=None, agreement_P=None, input_U=None)
    figures = measure([blind, blind], [(4, 3), (1, 1)], []).estimates
    for selector in Selector:
        for scale in ("4x3", "1x1"):
            known = 0 if selector in BY_ANSWERS else 2
            assert figures[f"{selector}_{scale}"].n_tasks == known, (selector, scale)


def test_one_program_is_no_choice_for_any_rule() -> None:
    figures = measure([FOUR], [(1, 3)], [1]).estimates
    for selector in Selector:
        assert figures[f"{selector}_1x3"].mean == figures["pass@1"].mean == 1 / 2


def test_every_choice_has_the_interval_of_a_choice() -> None:
    """Few tasks say little: where all succeed, the lower end is that of one coin per task."""
    right = facts(["111", "111", "111"], "rr", ["ab", "ab", "ab"])
    figures = measure([right] * 10, [(3, 2)], []).estimates
    lows = {figures[f"{s}_3x2"].low for s in Selector if s is not Selector.ORACLE}
    assert len(lows) == 1
    assert 0.6 < lows.pop() < 0.8


def test_a_program_with_a_masked_cell_has_no_vote() -> None:
    one = facts(["110", "11?", "001"], "rw", ["aa", "a.", "bb"])
    three = measure([one], [(3, 2)], []).estimates
    two = measure([one], [(2, 2)], []).estimates
    for selector in set(rules.RULES) - {Selector.BON}:
        assert three[f"{selector}_3x2"].n_tasks == 0, selector
        assert two[f"{selector}_2x2"].n_tasks == 1, selector
