"""The forecast of a run's end, by hand on made-up times and on a synthetic run of known length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.config.load import make_recipe
from sparring.config.schedule import run_schedule
from sparring.runs.forecast import CLOSING, Forecast, RunSchedule, forecast, mean


def step(number: int, seconds: float, **more: Any) -> dict[str, Any]:
    checkpoint = more.pop("checkpoint", 0.0)
    phases = {"sampling": 0.4 * seconds, "learning": 0.5 * seconds}
    if checkpoint:
        phases["checkpoint"] = checkpoint
    return {"step": number, "seconds": seconds + checkpoint, "phases": phases, **more}


def evaluation(number: int, seconds: float) -> dict[str, Any]:
    return {"evaluation": number, "seconds": seconds}


def left(schedule: RunSchedule, timing: list[dict[str, Any]], at: int, **more: int) -> float:
    known = forecast(schedule, timing, at, **more)
    assert known is not None
    return known.left()


def test_steps_evaluations_checkpoints_and_the_closing_are_counted() -> None:
    schedule = RunSchedule(7, checkpoint_every=3, evaluation_every=5)
    timing = [evaluation(0, 20), *(step(k, 10) for k in (1, 2)), step(3, 10, checkpoint=4)]
    # Steps 4 to 7, evaluations after steps 5 and 7, checkpoints of steps 6 and 7.
    assert left(schedule, timing, 3) == pytest.approx(4 * 10 + 2 * 20 + 2 * 4 + CLOSING)
    timing += [step(4, 10), step(5, 10)]
    pending = forecast(schedule, timing, 5)
    assert pending is not None
    assert not pending.rough
    assert pending.current == pytest.approx(20)
    assert pending.later == pytest.approx(2 * 10 + 20 + 2 * 4 + CLOSING)
    timing += [evaluation(5, 20), step(6, 10, checkpoint=4), step(7, 10, checkpoint=4)]
    assert left(schedule, timing, 7) == pytest.approx(20 + CLOSING)
    assert left(schedule, [*timing, evaluation(7, 20)], 7) == pytest.approx(CLOSING)


def test_a_replay_is_its_steps_alone() -> None:
    schedule = RunSchedule(10, checkpoint_every=10)
    timing = [{"step": 1, "seconds": 3.0, "phases": {"reading": 0.1, "learning": 2.8}}]
    assert left(schedule, timing, 1) == pytest.approx(9 * 3)


def test_a_long_evaluation_shortens_what_is_left_only_by_its_own_time() -> None:
    known = Forecast(current=20, later=100)
    assert [known.left(t) for t in (0, 15, 20, 500)] == [120, 105, 100, 100]


def test_evaluations_change_with_the_pace_of_the_steps() -> None:
    """Responses that have doubled in length double the evaluation still to come."""
    schedule = RunSchedule(20, evaluation_every=100)
    timing = [evaluation(0, 30), *(step(k, 10) for k in range(1, 4))]
    assert left(schedule, timing, 3) == pytest.approx(17 * 10 + 30 + CLOSING)
    timing += [step(k, 20) for k in range(4, 20)]
    assert left(schedule, timing, 19) == pytest.approx(20 + 60 + CLOSING, rel=0.02)


def test_one_pause_of_the_machine_counts_as_twice_a_step() -> None:
    schedule = RunSchedule(11)
    timing = [step(k, 10) for k in range(1, 10)]
    usual = left(schedule, timing, 9)
    paused = left(schedule, [*timing[:-1], step(9, 600)], 9)
    capped = left(schedule, [*timing[:-1], step(9, 20)], 9)
    assert usual == pytest.approx(20)
    assert paused == pytest.approx(capped)
    assert paused < 1.3 * usual


def test_the_first_step_counts_until_the_second_is_known() -> None:
    schedule = RunSchedule(3)
    assert left(schedule, [step(1, 50)], 1) == pytest.approx(100)
    assert left(schedule, [step(1, 50), step(2, 10)], 2) == pytest.approx(10)


def test_recent_steps_weigh_more() -> None:
    assert mean([1.0, 1.0, 1.5]) == pytest.approx((0.64 + 0.8 + 1.5) / 2.44)
    assert mean([]) == 0.0
    assert mean([], 7.0) == 7.0


def test_a_budget_of_tokens_may_be_the_nearer_end() -> None:
    schedule = RunSchedule(1000, token_budget=1000)
    timing = [step(4, 60, tokens=100)]
    assert left(schedule, timing, 4, spent=600) == pytest.approx(240)  # 400 of about 100 each
    rates = [{**step(4, 60), "tokens_per_s": 100 / 60}]  # as read from timing.jsonl
    assert left(schedule, rates, 4, spent=600) == pytest.approx(240)
    assert left(schedule, timing, 6, spent=1100) == 0
    assert left(RunSchedule(6, token_budget=10**9), timing, 1) == pytest.approx(5 * 60)


def test_a_budget_of_tokens_counts_before_the_first_step() -> None:
    """As long as no step is measured, a step is taken to sample half of what it could."""
    schedule = RunSchedule(
        100_000,
        token_budget=1000,
        evaluation_every=100,
        step_responses=10,
        step_tokens=200,
        evaluation_responses=10,
    )
    known = forecast(schedule, [evaluation(0, 30)], 0)
    assert known is not None
    assert known.rough
    assert known.left() == pytest.approx(10 * 60 + 30 + CLOSING)  # half of a step is sampling
    run = run_schedule(
        make_recipe({}, ["training.token_budget=5000", "sampling.programs=3", "sampling.tests=2",
                         "sampling.coder_max_tokens=50", "sampling.tester_max_tokens=20",
                         "sampling.initial_policy_programs=0", "training.tasks_per_step=4"], "")
    )  # fmt: skip
    assert (run.step_responses, run.step_tokens) == (20, 4 * (150 + 40))


def test_a_resumed_run_learns_again_from_recorded_steps() -> None:
    """Steps 3 to 5 are on record: they cost the learning alone, until one has been measured."""
    schedule = RunSchedule(10)
    timing = [step(k, 10) for k in range(1, 6)]
    assert left(schedule, timing, 2, recorded=5) == pytest.approx(3 * 5 + 5 * 10)
    again = {"step": 3, "seconds": 6.0, "phases": {"reading": 0.5, "learning": 5.0}}
    assert left(schedule, [*timing, again], 3, recorded=5) == pytest.approx(2 * 6 + 5 * 10)


def test_an_evaluation_that_is_on_record_is_not_made_again() -> None:
    schedule = RunSchedule(4, evaluation_every=2)
    timing = [evaluation(0, 20), *(step(k, 10) for k in (1, 2)), evaluation(2, 20)]
    assert left(schedule, timing, 1) == pytest.approx(3 * 10 + 20 + CLOSING)


def test_what_is_not_measured_follows_from_the_number_of_responses() -> None:
    schedule = RunSchedule(5, evaluation_every=5, step_responses=40, evaluation_responses=100)
    # Sampling and running take 5 s for 40 responses, so 12.5 s for 100.
    assert left(schedule, [step(1, 10)], 1) == pytest.approx(4 * 10 + 12.5 + CLOSING)
    rough = forecast(schedule, [evaluation(0, 25)], 0)
    assert rough is not None
    assert rough.rough
    assert rough.left() == pytest.approx(5 * 20 + 25 + CLOSING)  # learning as long as the rest
    assert forecast(schedule, [], 0) is None
    assert forecast(RunSchedule(5), [evaluation(0, 25)], 0) is None


def test_evaluations_of_the_initial_model_are_counted_until_they_are_made() -> None:
    """As a dry run counts them, and a run that evaluates at three temperatures."""
    schedule = RunSchedule(4, evaluation_every=4, step_responses=40, evaluation_responses=40)
    assert left(schedule, [step(0, 10)], 0) == pytest.approx(4 * 10 + 2 * 5 + CLOSING)
    three = RunSchedule(
        4, evaluation_every=4, initial_evaluations=3, step_responses=40, evaluation_responses=40
    )
    known = forecast(three, [evaluation(0, 5)], 0)
    assert known is not None
    assert known.current == pytest.approx(5)
    assert known.left() == pytest.approx(2 * 5 + 4 * 10 + 5 + CLOSING)
    assert left(three, [evaluation(0, 5)] * 3, 0) == pytest.approx(4 * 10 + 5 + CLOSING)
    assert left(three, [evaluation(0, 5), step(1, 10)], 1) == pytest.approx(3 * 10 + 5 + CLOSING)


def test_a_recorded_step_is_not_taken_for_a_sampled_one() -> None:
    """A run was killed while it learned from step 1; resumed, it has read that step alone."""
    timing = [{"step": 1, "seconds": 10.0, "phases": {"reading": 1.0, "learning": 9.0}}]
    known = forecast(RunSchedule(3, evaluation_every=9), timing, 1)
    assert known is not None
    assert known.rough
    assert known.current == pytest.approx(20)  # learning is about half of a step
    after = [evaluation(0, 30), *timing]
    schedule = RunSchedule(3, evaluation_every=9, step_responses=40, evaluation_responses=40)
    assert left(schedule, after, 1) == pytest.approx(2 * 60 + 30 + CLOSING)


@given(
    steps=st.integers(2, 60),
    every=st.integers(1, 20),
    checkpoints=st.integers(1, 20),
    pace=st.floats(0.5, 500),
    evaluating=st.floats(0.1, 3),
    saving=st.floats(0, 0.2),
    spread=st.lists(st.floats(-0.05, 0.05), min_size=60, max_size=60),
)
def test_a_steady_run_is_forecast_within_a_fifth_from_the_second_step_on(
    steps: int,
    every: int,
    checkpoints: int,
    pace: float,
    evaluating: float,
    saving: float,
    spread: list[float],
) -> None:
    """Steps vary by 5%; evaluations last up to three steps, checkpoints up to a fifth of a step.
    A checkpoint that no step has written yet is the one thing that cannot be known."""
    schedule = RunSchedule(steps, checkpoint_every=checkpoints, evaluation_every=every)
    timing = [evaluation(0, pace * evaluating)]
    for k in range(1, steps + 1):
        saved = pace * saving if k % checkpoints == 0 or k == steps else 0.0
        timing.append(step(k, pace * (1 + spread[k - 1]), checkpoint=saved))
        if k % every == 0 or k == steps:
            timing.append(evaluation(k, pace * evaluating))
    for i, record in enumerate(timing):
        if record.get("step", 0) < 2:
            continue
        really = sum(float(r["seconds"]) for r in timing[i + 1 :]) + CLOSING
        assert left(schedule, timing[: i + 1], record["step"]) == pytest.approx(really, rel=0.2)
