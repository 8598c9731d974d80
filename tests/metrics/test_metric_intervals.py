"""Which interval a figure has, and figures that earlier versions recorded."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sparring.evaluation.held_out_records import (
    Evaluated,
    evaluated_from,
    evaluation_record,
    values_record,
)
from sparring.metrics.intervals import Influence, chained, influence_difference, ratio
from sparring.metrics.metric_intervals import difference_of, figure_of, mean_of
from sparring.metrics.metrics import summarise
from tests.metrics.test_metrics import EXAMPLE, facts

TASKS = [EXAMPLE, facts(["10110", "01010", "00110"], "rwr-"), facts(["11111", "01010"], "wrrr")]


def test_a_choice_on_a_pool_is_as_unsure_as_one_among_own_programs() -> None:
    """Of 20 tasks one is half right: nearly nothing was seen."""
    values = np.array([0.5] + [0.0] * 19)
    own, pool = mean_of("bon_8x8", values), mean_of("pool_bon_8x8", values)
    assert own == pool == mean_of("agreement_pool_bon_8x8", values)
    assert own.high > mean_of("pass@1", values).high
    assert mean_of("pool_bon_1x8", values) == mean_of("pass@1", values)


def test_a_vote_among_tests_is_a_share_of_many_and_the_commonest_program_is_one_choice() -> None:
    """By hand: 32 tasks with all of eight tests right, 8 with six of them."""
    values = np.array([1.0] * 32 + [0.75] * 8)
    assert mean_of("majority_test", values) == mean_of("unit_test_accuracy", values)
    assert mean_of("majority_program", values) == mean_of("majority_8x8", values)
    assert mean_of("majority_program", values).low < mean_of("majority_test", values).low


def test_an_evaluation_read_back_pairs_as_before() -> None:
    now = Evaluated(0, summarise(TASKS, 2, 2), 5)
    again = evaluated_from(json.loads(json.dumps(values_record(now))))
    assert evaluation_record(again, again) == evaluation_record(now, now)


def test_an_evaluation_of_an_earlier_version_still_pairs() -> None:
    now = Evaluated(2, summarise(TASKS, 2, 2), 5)
    data = json.loads(json.dumps(values_record(now)))
    for figure in data["ratios"].values():
        del figure["share"], figure["left"]
    earlier = evaluated_from(data)
    for record in (
        evaluation_record(now, earlier),
        evaluation_record(earlier, now),
        evaluation_record(earlier, earlier),
    ):
        assert record["differences"]["p01"]["mean"] == 0
        assert record["differences"]["mu"]["mean"] == 0
    p = earlier.summary.ratios["p01"]
    assert difference_of("p01", p, p) == influence_difference(p, p)


def test_a_function_of_figures_that_no_task_moves_has_its_difference() -> None:
    """All tasks alike: no part adds variance, and none is known to weigh more."""
    flat = ratio(np.ones(4), np.full(4, 2.0))
    mu = chained(0.5, [(1.0, flat)])
    assert mu.share is None
    assert figure_of("mu", mu).n_tasks == 4
    assert difference_of("mu", mu, mu).mean == 0
    again = Influence.of(json.loads(json.dumps(mu.as_dict())))
    assert difference_of("mu", again, mu).mean == 0


def test_what_is_unknown_stays_unknown() -> None:
    nothing = figure_of("mu", chained(math.nan, [(0.0, ratio(np.zeros(3), np.zeros(3)))]))
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.low)
    assert math.isnan(nothing.high)
    two = figure_of("mu", chained(0.9, [(1.0, ratio(np.array([1.0, 0.0]), np.ones(2)))]))
    assert (two.low, two.high) == pytest.approx((-1, 1))
