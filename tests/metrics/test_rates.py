"""Rates by hand, planted rates that are found again, and intervals that cover them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import influence_interval
from sparring.metrics.rates import Rate, Rates, RightBy, by_task, count, rates
from sparring.metrics.share_intervals import jackknife_interval
from tests.metrics.groups import by_hand, simulated


def found(groups: list[TaskFacts], by: RightBy = RightBy.REFERENCE) -> Rates:
    return rates(by_task(groups, np.stack([count(g, by) for g in groups])))


def values(groups: list[TaskFacts], by: RightBy = RightBy.REFERENCE) -> dict[str, float]:
    return {rate.value: x.value for rate, x in found(groups, by).of.items()}


def test_by_hand() -> None:
    # two correct programs, two wrong; tests: right, right, wrong, not parsed
    group = by_hand(["11100", "11010", "01010", "00110"], "rrw-")
    assert values([group]) == pytest.approx(
        {
            "p_s": 2 / 4,
            "parsed": 3 / 4,
            "p_u": 2 / 3,
            "p01": 2 / 4,  # the wrong ones on right tests: 1 0 / 0 1
            "p00": 2 / 2,
            "p11": 3 / 4,  # the correct ones on right tests: 1 1 / 1 0
            "p10": 1 / 2,
        }
    )
    r = found([group])
    assert r.mu().value == pytest.approx(2 / 3 * 1 / 2 - 1 / 3 * 1)
    # a sampled test is read in 3 of 4 cases
    assert r.up().value == pytest.approx(3 / 4 * 2 / 3 * 1 / 2)
    assert r.down().value == pytest.approx(3 / 4 * 1 / 3 * 1)
    # by the paper's rule only the first test is right: both correct programs pass it
    assert values([group], RightBy.ESTIMATE) == pytest.approx(
        {
            "p_s": 2 / 4,
            "parsed": 3 / 4,
            "p_u": 1 / 3,
            "p01": 1 / 2,
            "p00": 3 / 4,
            "p11": 1.0,
            "p10": 2 / 4,
        }
    )


def test_masked_cells_are_in_neither_sum() -> None:
    # two correct programs, a wrong one, and one of which nobody knows; the last test was never run
    group = by_hand(["11?0?", "1110?", "0?10?", "?111?"], "rrwr")
    assert values([group]) == pytest.approx(
        {
            "p_s": 2 / 3,
            "parsed": 1.0,
            "p_u": 2 / 3,
            "p01": 1 / 1,  # one run on right tests
            "p00": 0 / 1,
            "p11": 3 / 3,
            "p10": 0 / 2,
        }
    )
    # a test without an observed correct program is right by the reference; the rule cannot say
    unseen = by_hand(["11?", "010"], "rr")
    assert values([unseen])["p_u"] == 1.0
    assert found([unseen]).of[Rate.P01].value == pytest.approx(1 / 2)
    assert found([unseen], RightBy.ESTIMATE).of[Rate.P01].value == pytest.approx(1 / 1)


def test_a_task_that_says_nothing_about_tests_is_not_counted() -> None:
    without = replace(by_hand(["110", "001"], "rw"), right_U=None)
    r = found([without])
    assert r.of[Rate.P_S].value == 0.5
    assert not r.of[Rate.P_U].used.any()
    assert np.isnan(r.mu().value)
    none_correct = by_hand(["010", "001"], "rw")
    assert not found([none_correct], RightBy.ESTIMATE).of[Rate.P01].used.any()
    assert found([none_correct]).of[Rate.P01].value == 0.5  # the reference still knows


def test_what_cannot_occur_need_not_be_known() -> None:
    all_right = found([by_hand(["111", "010"], "rr")])
    assert np.isnan(all_right.of[Rate.P00].value)
    assert all_right.mu().value == pytest.approx(0.5)
    assert all_right.down().value == 0
    none_right = found([by_hand(["100", "010"], "ww")])
    assert none_right.mu().value == pytest.approx(-0.5)
    assert none_right.up().value == 0


def test_groups_of_one_task_are_one_cluster() -> None:
    rng = np.random.default_rng(0)
    groups = [simulated(rng, f"task {i % 5}") for i in range(20)]
    assert influence_interval(found(groups).mu()).n_tasks == 5
    # told twice, a group is no more evidence
    once, twice = (influence_interval(found(g).mu()) for g in (groups, groups * 2))
    assert (once.low, once.high) == pytest.approx((twice.low, twice.high))
    assert by_task(groups, np.ones(20)).tolist() == [4] * 5


def test_tasks_that_say_nothing_do_not_make_an_interval_narrower() -> None:
    """All tests can be read, so a sampled test is a read one; and by the rule ten tasks without a
    correct program know nothing of μ."""
    rng = np.random.default_rng(4)
    groups = [simulated(rng, f"known {i}", **{**PLANTED, "parsed": 1.0}) for i in range(6)]
    silent = [by_hand(["010", "001"], "rw") for _ in range(10)]
    silent = [replace(g, task=f"silent {i}") for i, g in enumerate(silent)]
    r = found([*groups, *silent], RightBy.ESTIMATE)
    read, sampled = r.mu(), r.sampled()
    assert sampled.value == pytest.approx(r.up().value - r.down().value)
    assert read.used.sum() == sampled.used.sum() <= 6
    for interval in (influence_interval, jackknife_interval):
        one, other = interval(read), interval(sampled)
        assert (one.low, one.high) == pytest.approx((other.low, other.high))


PLANTED = {"p_s": 0.4, "parsed": 0.8, "p_u": 0.6, "p01": 0.5, "p00": 0.2}


def test_planted_rates_are_found() -> None:
    rng = np.random.default_rng(2)
    groups = [simulated(rng, str(i), **PLANTED) for i in range(3000)]
    assert values(groups) == pytest.approx(PLANTED | {"p11": 1.0, "p10": 0.0}, abs=0.01)
    r = found(groups)
    assert r.mu().value == pytest.approx(0.6 * 0.5 - 0.4 * 0.2, abs=0.01)
    # under the model a wrong test is failed by every correct program: both say the same
    known = [g for g in groups if g.matrix.correct_P.any()]
    same = values(known, RightBy.ESTIMATE)
    assert same == pytest.approx(values(known), abs=1e-12)


def test_intervals_cover_planted_rates_as_often_as_they_say() -> None:
    """Testers who are better on some tasks than on others, each task met three times: 95% within
    sampling error. Counted as if every group were a task of its own, p_u is covered less."""
    rng = np.random.default_rng(3)
    truth = {**PLANTED, "mu": 0.22, "up": 0.8 * 0.3, "down": 0.8 * 0.08}
    draws = 300
    hits, naive = dict.fromkeys(truth, 0), 0
    for _ in range(draws):
        groups = []
        for i in range(40):
            planted = {**PLANTED, "p_u": float(rng.beta(3, 2))}
            groups += [simulated(rng, str(i), **planted) for _ in range(3)]
        r = found(groups)
        figures = {k.value: x for k, x in r.of.items()} | {
            "mu": r.mu(),
            "up": r.up(),
            "down": r.down(),
        }
        for name, true in truth.items():
            e = influence_interval(figures[name])
            hits[name] += e.low <= true <= e.high
        alone = rates(np.stack([count(g, RightBy.REFERENCE) for g in groups])).of[Rate.P_U]
        e = influence_interval(alone)
        naive += e.low <= 0.6 <= e.high
    assert all(0.92 <= h / draws <= 0.98 for h in hits.values()), hits
    assert naive / draws < 0.9
