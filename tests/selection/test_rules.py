"""Every rule of selection: by hand, and what holds for all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.selection import clusters, majority, mpsc, rules, soft_agreement, tests_passed
from sparring.selection.evidence import Evidence, chances, ties_by
from sparring.selection.selectors import BY_ANSWERS, Selector
from tests.selection.evidence_of import drawn, evidence, reordered

# two programs pass tests 1 and 2, one passes all but test 1, one passes none
FOUR = evidence(["1100", "1100", "0111", "0000"], ["111", "112", "122", "-33"])

BY_HAND = {
    Selector.BON: [2 / 4, 2 / 4, 3 / 4, 0],
    Selector.DUAL: [4, 4, 3, 0],
    Selector.DUAL_ROOT: [2 * math.sqrt(2), 2 * math.sqrt(2), 3, 0],
    # the votes of the tests weigh 0, 3/32, 1/32 and 1/32: the first is passed by two that pass one
    # other test, and failed by one that passes three and by one that passes none
    Selector.ACES: [3 / 32, 3 / 32, 5 / 32, 0],
    Selector.MAJORITY: [1, 1, 1, 1],
    # by input: 3 + 2 + 1, 3 + 2 + 2, 3 + 1 + 2, 0 + 1 + 1 of 4 programs × 3 inputs
    Selector.SOFT: [6 / 12, 7 / 12, 6 / 12, 2 / 12],
    Selector.CLUSTERS: [2, 3, 2, 0],
    Selector.MAJORITY_BON: [1, 1, 2, 0],
    Selector.SOFT_BON: [1, 2, 3, 0],
    Selector.SOFT_DUAL: [2, 3, 1, 0],
}


@pytest.mark.parametrize("selector", BY_HAND)
def test_by_hand(selector: Selector) -> None:
    assert rules.scores(selector, FOUR) == pytest.approx(BY_HAND[selector])


def test_every_rule_is_named_and_what_needs_more_is_none() -> None:
    others = {Selector.ORACLE, Selector.AGREEMENT_BON}
    assert set(rules.RULES) == set(Selector) - others
    for other in others:
        with pytest.raises(ValueError, match=f"{other}: evidence is not enough; choose one of bon"):
            rules.scores(other, FOUR)


def test_two_clusters_of_one_size_give_nobody_a_point() -> None:
    tied = evidence(["", "", "", "", ""], ["11", "11", "22", "22", "-2"])
    assert clusters.scores(tied).tolist() == [0, 0, 1, 1, 1]
    assert clusters.scores(evidence(["", ""], ["-", "-"])).tolist() == [0, 0]


def test_an_error_agrees_with_nobody() -> None:
    one = evidence(["", "", ""], ["--", "--", "1-"])
    assert soft_agreement.scores(one).tolist() == [0, 0, 1 / 6]
    assert majority.scores(one).tolist() == [0, 0, 1]


def test_a_masked_cell_is_no_failure() -> None:
    one = evidence(["11?", "110", "110"], ["1", "1", "1"])
    assert tests_passed.scores(one).tolist() == [1, 2 / 3, 2 / 3]
    # the first is alike to nobody, for what it does on the third test is unknown
    assert rules.scores(Selector.DUAL, one).tolist() == [2, 4, 4]
    assert majority.scores(one).tolist() == [1, 2, 2]


@pytest.mark.parametrize("selector", rules.RULES)
@given(one=drawn(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_order_means_nothing(selector: Selector, one: Evidence, data: st.DataObject) -> None:
    programs, tests, inputs = (
        data.draw(st.permutations(range(count)))
        for count in (one.programs, one.passed_PU.shape[1], one.answers_PI.shape[1])
    )
    score = rules.scores(selector, one)
    moved = rules.scores(selector, reordered(one, programs, tests, inputs))
    assert np.isfinite(score).all()
    np.testing.assert_allclose(moved, score[programs], rtol=0, atol=2e-9)
    np.testing.assert_array_equal(chances(moved), chances(score)[programs])


@pytest.mark.parametrize("selector", rules.RULES)
@given(one=drawn(), at=st.integers(0, 6), passed=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_test_that_nobody_was_observed_on_does_not_exist(
    selector: Selector, one: Evidence, at: int, passed: bool
) -> None:
    at = min(at, one.passed_PU.shape[1])
    more = Evidence(
        np.insert(one.passed_PU, at, passed, axis=1),
        np.insert(one.observed_PU, at, False, axis=1),
        one.answers_PI,
    )
    found, expected = rules.scores(selector, more), rules.scores(selector, one)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize("selector", rules.RULES)
@given(one=drawn())
@settings(max_examples=30, deadline=None)
def test_what_a_masked_cell_hides_changes_nothing(selector: Selector, one: Evidence) -> None:
    other = Evidence(one.passed_PU ^ ~one.observed_PU, one.observed_PU, one.answers_PI)
    np.testing.assert_array_equal(rules.scores(selector, other), rules.scores(selector, one))


@pytest.mark.parametrize("selector", rules.RULES)
@given(one=drawn(masks=False))
@settings(max_examples=30, deadline=None)
def test_programs_that_cannot_be_told_apart_are_equally_likely(
    selector: Selector, one: Evidence
) -> None:
    twice = reordered(
        one,
        [*range(one.programs), *range(one.programs)],
        list(range(one.passed_PU.shape[1])),
        list(range(one.answers_PI.shape[1])),
    )
    chance = chances(rules.scores(selector, twice))
    np.testing.assert_array_equal(chance[: one.programs], chance[one.programs :])
    assert chance.sum() == pytest.approx(1)


@given(several=st.lists(drawn(fewest=4), min_size=2, max_size=3))
@settings(max_examples=40, deadline=None)
def test_draws_are_scored_each_by_itself(several: list[Evidence]) -> None:
    """Every rule over several draws at once; what a draw has less of is masked or unanswered."""
    programs = min(e.programs for e in several)
    tests = max(e.passed_PU.shape[1] for e in several)
    inputs = max(e.answers_PI.shape[1] for e in several)

    def widened(one: Evidence) -> Evidence:
        kept = one.part(programs=np.arange(one.programs) < programs)
        more, unanswered = tests - one.passed_PU.shape[1], inputs - one.answers_PI.shape[1]
        return Evidence(
            np.pad(kept.passed_PU, ((0, 0), (0, more))),
            np.pad(kept.observed_PU, ((0, 0), (0, more))),
            np.pad(kept.answers_PI, ((0, 0), (0, unanswered)), constant_values=-1),
        )

    wide = [widened(e) for e in several]
    stacked = Evidence(
        np.stack([e.passed_PU for e in wide]),
        np.stack([e.observed_PU for e in wide]),
        np.stack([e.answers_PI for e in wide]),
    )
    together = rules.all_scores(stacked)
    assert set(together) == set(rules.RULES)
    for selector, scores in together.items():
        alone = np.stack([rules.scores(selector, e) for e in wide])
        np.testing.assert_allclose(scores, alone, rtol=0, atol=2e-9, err_msg=selector)


@pytest.mark.parametrize("selector", rules.RULES)
@pytest.mark.parametrize(("n", "m", "i"), [(0, 0, 0), (3, 0, 0), (0, 2, 1), (1, 1, 1), (3, 0, 2)])
def test_without_programs_tests_or_inputs_nothing_breaks(
    selector: Selector, n: int, m: int, i: int
) -> None:
    nothing = Evidence(np.ones((n, m), bool), np.ones((n, m), bool), np.zeros((n, i), np.int64))
    score = rules.scores(selector, nothing)
    assert score.shape == (n,)
    assert np.isfinite(score).all()
    np.testing.assert_array_equal(chances(score), np.full(n, 1 / max(n, 1)))


@pytest.mark.parametrize("selector", sorted(set(rules.RULES) - BY_ANSWERS))
def test_rules_of_the_matrix_alone_do_not_look_at_answers(selector: Selector) -> None:
    blind = Evidence(FOUR.passed_PU, FOUR.observed_PU, np.full((4, 1), -1))
    np.testing.assert_array_equal(rules.scores(selector, blind), rules.scores(selector, FOUR))


@pytest.mark.parametrize("selector", [Selector.MAJORITY, Selector.SOFT, Selector.CLUSTERS])
def test_rules_of_answers_do_not_look_at_passes(selector: Selector) -> None:
    other = Evidence(~FOUR.passed_PU, FOUR.observed_PU, FOUR.answers_PI)
    np.testing.assert_array_equal(rules.scores(selector, other), rules.scores(selector, FOUR))


def test_chances_are_equal_among_the_best_and_none_where_nobody_may_be_chosen() -> None:
    out = -np.inf
    assert chances(np.array([1.0, 2, 2, out])).tolist() == [0, 0.5, 0.5, 0]
    assert chances(np.array([out, out])).tolist() == [0, 0]
    assert chances(np.array([[1.0, 2], [3, 3]])).tolist() == [[0, 1], [0.5, 0.5]]


def test_ties_are_ordered_by_the_second_score_and_nothing_else_is() -> None:
    first = np.array([1.0, 2, 2, 2, -np.inf])
    assert ties_by(first, np.array([9.0, 1, 3, 3, 9])).tolist() == [1, 2, 3, 3, -np.inf]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="equal in shape"):
        Evidence(np.ones((2, 3), bool), np.ones((2, 2), bool), np.zeros((2, 0), np.int64))
    with pytest.raises(ValueError, match="with the programs of the matrix"):
        Evidence(np.ones((2, 3), bool), np.ones((2, 3), bool), np.zeros((3, 1), np.int64))
    with pytest.raises(ValueError, match="with the programs of the matrix"):
        Evidence(np.ones((2, 3), bool), np.ones((2, 3), bool), np.zeros(2, np.int64))


def test_a_part_of_the_evidence_keeps_all_inputs() -> None:
    part = FOUR.part(np.array([True, False, True, False]), np.array([False, True, True, True]))
    assert part.passed_PU.tolist() == [[True, False, False], [True, True, True]]
    assert part.answers_PI.tolist() == [[1, 1, 1], [1, 2, 2]]
    assert mpsc.scores(part).shape == (2,)
