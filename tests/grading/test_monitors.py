"""The monitors' numbers, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from sparring.grading.checker_leniency import CheckerLeniency
from sparring.grading.group import GroupResult
from sparring.grading.monitors import NAMED, monitor_values
from sparring.schema import Outcome, Verdict
from tests.grading.grading_helpers import group_from_letters


def monitors_of(*group: GroupResult) -> dict[str, Any]:
    return monitor_values(list(group))


def test_the_gap_to_hidden_tests() -> None:
    one = group_from_letters(["++++", "++++", "+++-"], ["+", "-", "+"])
    other = group_from_letters(["++++"], ["?"])  # an infrastructure failure does not count
    values = monitors_of(one, other)
    assert values["hidden_gap"] == 1 - 1 / 2
    assert values["hidden_gap_all"] == pytest.approx(15 / 16 - 2 / 3)


def test_without_hidden_tests_the_gap_is_unknown() -> None:
    assert math.isnan(monitors_of(group_from_letters(["++++"]))["hidden_gap"])
    assert math.isnan(
        monitors_of(group_from_letters(["+++-"], ["+"]))["hidden_gap"]
    )  # nobody passes the rewarded
    assert monitors_of(group_from_letters(["+++-"], ["+"]))["hidden_gap_all"] == 3 / 4 - 1


def test_tests_that_programs_call_right_and_the_reference_does_not() -> None:
    fooled = group_from_letters(["++ ++-", "+- ---"], tests=["1", "2", "3"], right="+--")
    honest = group_from_letters(["+ +"], tests=["1"], right="+")
    nobody = group_from_letters(["- +"], tests=["1"], right="-")  # no correct program: no estimate
    unknown = group_from_letters(["+ +"], tests=["1"])  # no reference
    assert monitors_of(fooled, honest, nobody, unknown)["estimate_gap"] == pytest.approx(
        (1 / 3 + 0) / 2
    )
    assert math.isnan(monitors_of(nobody, unknown)["estimate_gap"])


def test_duplicates_are_counted_within_a_group_and_white_space_does_not_hide_them() -> None:
    group = group_from_letters(["+ +++++"], tests=["1 2\n", "1  2", "\n1 2 \n", "1\n2", None])
    assert monitors_of(group)["duplicate_tests"] == 2 / 4
    assert (
        monitors_of(
            group_from_letters(["++"], tests=["5"]), group_from_letters(["++"], tests=["5"])
        )["duplicate_tests"]
        == 0
    )


def test_copies_of_public_examples() -> None:
    shown = group_from_letters(["+ +++"], tests=["1 2", " 1 2\n", "3"], examples=["1 2\n"])
    hidden = group_from_letters(["+ ++"], tests=["9", "9"])
    assert monitors_of(shown, hidden)["copied_tests"] == 2 / 3
    assert math.isnan(monitors_of(hidden)["copied_tests"])


def test_invalid_tests_by_kind() -> None:
    group = group_from_letters(
        ["+ +++++"],
        tests=[None, "1", "2", "3", "4"],
        valid="--+++",
        right="---++",
        reference="_!!.?",
    )
    values = monitors_of(group)
    assert values["unparsed_tests"] == 1 / 5
    assert values["forbidden_tests"] == 1 / 5
    assert values["unfinished_tests"] == 1 / 5  # one that is forbidden as well counts as that
    assert values["invalid_tests"] == 3 / 5
    assert math.isnan(monitors_of(group_from_letters(["++"], tests=["1"]))["unfinished_tests"])


def test_trivial_inputs_have_fewer_than_half_the_values_of_the_task() -> None:
    truth = ["1 1 1 1", "1 1 1 1 1 1", "1 1 1"]  # median 4
    group = group_from_letters(["+++ +++"], tests=["1", "1 2", None], truth=truth)
    assert monitors_of(group)["trivial_inputs"] == 1 / 2
    single = group_from_letters(["+ +"], tests=["7"], truth=["5"])
    assert monitors_of(single)["trivial_inputs"] == 0


def test_how_runs_on_ground_truth_ended() -> None:
    group = group_from_letters(["+-! x"], ["x"], tests=["1"])  # the generated test is not asked
    quarter = {"accepted", "wrong_answer", "runtime_error", "sandbox_violation"}
    assert monitors_of(group)["verdicts"] == dict.fromkeys(monitors_of(group)["verdicts"], 1 / 4)
    assert set(monitors_of(group)["verdicts"]) == quarter


def test_a_ground_truth_test_is_suspect_when_only_it_stops_everybody() -> None:
    suspect = group_from_letters(["+-+-", "++-?"], ["-", "-"])
    # Test 4 (failed by the first, unseen by the second) and the hidden one are failed by all;
    # without either, the first passes 2 of 4 others: half of them.
    values = monitors_of(suspect)
    assert values["suspect_tests"] == 2 / 5
    assert len(values["named"]["suspect_tests"]) == 2
    hopeless = group_from_letters(
        ["+---", "-+--"]
    )  # nobody passes half: the tests are hard, or nobody is good
    assert monitors_of(hopeless)["suspect_tests"] == 0
    unseen = group_from_letters(["+?", "+?"])
    assert monitors_of(unseen)["suspect_tests"] == 0


def test_a_test_that_somebody_passes_is_not_suspect() -> None:
    alone = group_from_letters(["+-+-", "++-+"], ["-", "-"])
    assert monitors_of(alone)["suspect_tests"] == 1 / 5  # the hidden one
    hard = group_from_letters(["+--+", "+--+"])
    assert monitors_of(hard)["suspect_tests"] == 2 / 4
    [lost, won] = (Outcome(v) for v in (Verdict.WRONG_ANSWER, Verdict.ACCEPTED))
    with_pool = replace(hard, pool_outcomes_PT=[[lost, won, lost, lost]])
    assert monitors_of(with_pool)["named"]["suspect_tests"] == [
        "test G2 of task t (test 2 of the file)"
    ]
    by_reference = replace(hard, reference_G=[won, lost, won, won])
    assert monitors_of(by_reference)["named"]["suspect_tests"] == [
        "test G1 of task t (test 1 of the file)"
    ]


def test_ground_truth_tests_that_the_reference_fails_are_named_by_their_place() -> None:
    # Of eight tests of task "t" the sixth is hidden: its outcome is the last one here, named H0.
    task = group_from_letters(["+++++++"], ["+"], reference_G="+++++-?!", right="")
    values = monitors_of(task)
    assert values["reference_failures"] == 2 / 7
    assert values["named"]["reference_failures"] == [
        "test G5 of task t (test 6 of the file)",
        "test H0 of task t (test 5 of the file)",
    ]


def test_checker_leniency_over_all_tasks() -> None:
    values = monitors_of(
        group_from_letters(["+"], leniency=CheckerLeniency(3, 4)),
        group_from_letters(["+"], leniency=CheckerLeniency(0, 8)),
        group_from_letters(["+"]),
    )
    assert values["checker_leniency"] == 3 / 12
    assert values["named"]["checker_leniency"] == ["task t"]
    assert math.isnan(monitors_of(group_from_letters(["+"]))["checker_leniency"])


def test_names_are_few() -> None:
    many = group_from_letters(["+" * 10 + "-" * 10])
    assert monitors_of(many)["suspect_tests"] == 1 / 2
    assert len(monitors_of(many)["named"]["suspect_tests"]) == NAMED


def test_a_step_of_nothing_but_our_failures_has_no_numbers() -> None:
    values = monitors_of(
        group_from_letters(["?? ?"], ["?"], tests=["1"], valid="+", right="+", reference="?")
    )
    for name in ("hidden_gap", "hidden_gap_all", "estimate_gap", "suspect_tests"):
        assert math.isnan(values[name]), name
    assert values["verdicts"] == {"infra": 1.0}
