"""The figures of an evaluation by hand, and what a failure of our own does to them: nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sparring.matrix import PassMatrix
from sparring.metrics.benchmark import measure, observed
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import summarise
from sparring.metrics.reading import ReadingCounts
from sparring.schema import ParseFailure, Role
from sparring.selection.consensus import agreement_counts, answer_numbers


def facts(rows: list[str], right: str, answers: list[str] | None = None) -> TaskFacts:
    """One ground-truth test, then generated ones. 1 passed, 0 failed, ? masked. ``right``: r
    right, w wrong, - not read. ``answers``: a letter for each generated test."""
    passed = np.array([[c == "1" for c in row] for row in rows])
    seen = np.array([[c != "?" for c in row] for row in rows])
    m = PassMatrix(passed, seen, 1)
    right_U = np.array([c == "r" for c in right], dtype=bool)
    parsed_U = np.array([c != "-" for c in right], dtype=bool)
    found = TaskFacts(m, parsed_U, parsed_U, right_U, np.full(len(right), 4.0))
    if answers is None:
        return found
    numbers = answer_numbers(answers, len(right))
    return replace(
        found,
        agreement_P=agreement_counts(answers),
        answers_PI=numbers,
        input_U=np.arange(len(right)),
    )


# programs: right, right, wrong, wrong; both wrong ones give the same answers
FOUR = facts(["1110", "1100", "0011", "0011"], "rrw", ["aab", "aac", "bba", "bba"])


def means(*tasks: TaskFacts, scale: tuple[int, int] = (4, 3), ks: tuple[int, ...] = (1, 2)):
    return {k: e.mean for k, e in measure(tasks, [scale], ks).estimates.items()}


def test_figures_by_hand() -> None:
    figures = means(FOUR)
    assert figures["pass@1"] == figures["pass@1"] == pytest.approx(1 / 2)
    assert figures["pass@2"] == pytest.approx(1 - 1 / 6)
    # passes 2, 1, 2, 2: one of three, two of them wrong; by agreement the two wrong ones lead
    assert figures["bon_4x3"] == pytest.approx(1 / 3)
    assert figures["agreement_bon_4x3"] == 0.0
    assert figures["oracle_4x3"] == 1.0
    assert figures["majority_4x3"] == 0.0
    # {1, 2}: 1 × 2; {1}: 1 × 1; {2, 3}: 2 × 2
    assert figures["dual_4x3"] == figures["dual_pass@1"] == 0.0
    assert figures["dual_pass@2"] == 1.0
    assert figures["unit_test_accuracy"] == pytest.approx(2 / 3)
    assert figures["unit_test_accuracy_estimate"] == pytest.approx(1 / 3)
    # wrong programs on right tests: 0 1, 0 1 → 2 of 4; on the wrong one both
    assert figures["p01"] == pytest.approx(1 / 2)
    assert figures["p00"] == 1.0
    assert figures["mu"] == pytest.approx(2 / 3 * 1 / 2 - 1 / 3 * 1)
    assert figures["catch_rate"] == pytest.approx(2 / 6)
    assert math.isnan(figures["mutation_score"])


def test_one_of_one_is_pass_at_1_whatever_chooses() -> None:
    figures = means(FOUR, scale=(1, 0))
    for name in ("bon", "agreement_bon", "oracle", "majority", "dual"):
        assert figures[f"{name}_1x0"] == pytest.approx(1 / 2, abs=0.1), name
    assert figures["bon_1x0"] == pytest.approx(1 / 2)
    assert figures["oracle_1x0"] == pytest.approx(1 / 2)


def test_what_training_looks_at_is_the_same_figure() -> None:
    other = facts(["1100", "0100", "0010", "1111"], "rwr", ["aaa", "abb", "abb", "aab"])
    ours, theirs = measure([FOUR, other], [(4, 3)], [1]), summarise([FOUR, other], 4, 3)
    for name in ("pass@1", "unit_test_accuracy", "bon_4x3", "agreement_bon_4x3", "invalid_tests"):
        assert ours.per_task[name] == pytest.approx(theirs.per_task[name]), name
    for name in ("p01", "p00", "mu"):
        assert ours.ratios[name].value == pytest.approx(theirs.ratios[name].value), name
    for name in (ours.estimates.keys() & theirs.estimates.keys()) - {"catch_rate"}:
        assert ours.estimates[name].as_dict() == theirs.estimates[name].as_dict(), name
    for name, e in theirs.estimates.items():
        assert not e.low < (-1 if name == "mu" else 0), name
        assert name == "input_size" or not e.high > 1, name


def test_a_program_whose_ground_truth_is_not_known_is_no_wrong_one() -> None:
    hidden = facts(
        ["1110", "1100", "0011", "0011", "?111"], "rrw", ["aab", "aac", "bba", "bba", "aaa"]
    )
    assert len(observed(hidden).matrix.passed_PT) == 4
    assert means(hidden) == pytest.approx(means(FOUR) | {}, nan_ok=True)
    # five are not known: the task says nothing about Best-of-5
    five = measure([hidden, hidden], [(5, 3)], [5])
    for name in ("bon_5x3", "oracle_5x3", "dual_5x3", "majority_5x3", "pass@5", "dual_pass@5"):
        assert five.estimates[name].n_tasks == 0, name
    assert five.estimates["pass@1"].n_tasks == 2


def test_a_masked_generated_test_is_neither_passed_nor_failed() -> None:
    # nobody was run on the last test
    unseen = facts(["110?", "110?", "001?"], "rwr", ["aa.", "aa.", "bb."])
    seen = facts(["110", "110", "001"], "rw", ["aa", "aa", "bb"])
    assert means(unseen, scale=(3, 3))["dual_3x3"] == means(seen, scale=(3, 2))["dual_3x2"] == 1.0
    assert means(unseen, scale=(3, 3))["unit_test_accuracy_estimate"] == pytest.approx(1 / 2)
    # one program has a masked cell: it has no vote, and nothing is said about three voters
    one = facts(["110", "11?", "001"], "rw", ["aa", "a.", "bb"])
    assert math.isnan(means(one, scale=(3, 2))["dual_3x2"])
    assert not math.isnan(means(one, scale=(2, 2))["dual_2x2"])
    # by share of the observed: 1 of 2, 1 of 1, 1 of 2
    assert means(one, scale=(3, 2))["bon_3x2"] == 1.0


def test_hits_and_refusals_are_ratios_of_sums() -> None:
    first = replace(
        FOUR,
        mutants=(3, 4),
        branches=(1, 2),
        reading={
            Role.CODER: ReadingCounts(
                4, {ParseFailure.NO_CODE_BLOCK: 1, ParseFailure.TRUNCATED: 2}, 2
            )
        },
    )
    second = replace(FOUR, mutants=(0, 6), reading={Role.CODER: ReadingCounts(6, {}, 1)})
    figures = measure([first, second, FOUR], [], [])
    assert figures.ratios["mutation_score"].value == pytest.approx(3 / 10)
    assert figures.estimates["mutation_score"].n_tasks == 2
    assert figures.ratios["branch_coverage"].value == pytest.approx(1 / 2)
    assert figures.ratios["coder.failed"].value == pytest.approx(3 / 10)
    assert figures.ratios["coder.at_limit"].value == pytest.approx(3 / 10)
    assert figures.ratios["coder.failed.no_code_block"].value == pytest.approx(1 / 10)
    assert "coder.responses" not in figures.ratios
    assert figures.counts == {
        "coder.responses": 10,
        "coder.failed": 3,
        "coder.at_limit": 3,
        "coder.failed.truncated": 2,
        "coder.failed.no_code_block": 1,
    }


def test_intervals_of_shares_stay_within_them() -> None:
    right = facts(["11", "11"], "r")
    figures = measure([right] * 10, [(2, 1)], [1])
    for name in ("pass@1", "bon_2x1", "unit_test_accuracy"):
        e = figures.estimates[name]
        assert (e.mean, e.high) == (1.0, 1.0)
        assert 0.6 < e.low < 0.8, name  # ten tasks without a failure say no more


def test_where_all_tests_are_right_there_is_no_p00_and_a_worth_all_the_same() -> None:
    right = facts(["111", "010"], "rr")
    found = measure([right, right, facts(["111", "000"], "rr")], [], []).estimates
    assert math.isnan(found["p00"].mean)
    assert found["p01"].mean == pytest.approx(2 / 6)
    mu = found["mu"]
    assert mu.mean == pytest.approx(1 - 2 / 6)
    assert mu.low < mu.mean < mu.high


@pytest.mark.parametrize(("scales", "ks"), [([(5, 1)], []), ([(1, 4)], []), ([], [5]), ([], [0])])
def test_more_than_there_is_is_refused(scales: list[tuple[int, int]], ks: list[int]) -> None:
    with pytest.raises(ValueError, match="of a task with 4 programs"):
        measure([FOUR], scales, ks)


def test_no_tasks_are_no_figures() -> None:
    assert measure([], [(2, 2)], [1]).estimates["pass@1"].n_tasks == 0
