"""Alarms: of means over five steps, told with a reason, a function of the metrics alone."""

from __future__ import annotations

from typing import Any

import pytest

from sparring.config.settings import MonitorSettings
from sparring.schema import Role
from sparring.training.monitoring.alarms import (
    WINDOW,
    Monitor,
    alarms_after,
    learned_nothing,
    new_alarms,
)

LIMITS = MonitorSettings()


def steps(*values: float | None, monitor: str = "invalid_tests") -> list[dict[str, Any]]:
    return [{"step": i, "monitors": {monitor: v}} for i, v in enumerate(values, start=1)]


def of_role(role: str, name: str, *values: float | None) -> list[dict[str, Any]]:
    return [{"step": i, role: {name: v}} for i, v in enumerate(values, start=1)]


def last(history: list[dict[str, Any]], limits: MonitorSettings = LIMITS) -> list[dict[str, Any]]:
    return alarms_after(limits, history[:-1], history[-1])


def test_an_alarm_has_its_value_its_limit_and_a_reason() -> None:
    [alarm] = last(steps(0.6, 0.6, 0.7, 0.6, 0.6))
    assert alarm["monitor"] == "invalid_tests"
    assert alarm["value"] == pytest.approx(0.62)
    assert alarm["limit"] == LIMITS.invalid_tests == 0.5
    assert alarm["reason"].startswith("62% of the generated tests cannot be read")


def test_one_noisy_step_is_no_alarm() -> None:
    assert last(steps(0.1, 0.1, 0.1, 0.1, 1.0)) == []
    assert last(steps(0.1, 0.1, 1.0, 1.0, 1.0))


def test_there_is_no_alarm_before_the_window_is_full() -> None:
    history = steps(*[1.0] * WINDOW)
    assert last(history[:-1]) == []
    assert last(history)


def test_an_alarm_ends_when_the_mean_is_back() -> None:
    history = steps(*[1.0] * 5, *[0.0] * 3)
    assert last(history[:7]) != []
    assert last(history) == []


def test_unknown_values_are_left_out_and_three_known_ones_are_needed() -> None:
    assert last(steps(None, None, 1.0, 1.0, 1.0))
    assert last(steps(None, None, None, 1.0, 1.0)) == []


def test_metrics_without_monitors_are_those_of_an_older_version() -> None:
    assert last([{"step": i} for i in range(1, 9)]) == []


def test_a_limit_that_is_met_is_kept_and_one_silences() -> None:
    assert last(steps(*[0.5] * 5)) == []
    assert last(steps(*[1.0] * 5), MonitorSettings(invalid_tests=1.0)) == []


@pytest.mark.parametrize("monitor", [m for m in Monitor if not m.startswith(tuple(Role))])
def test_every_share_has_an_alarm_of_its_own(monitor: Monitor) -> None:
    history = steps(*[0.99] * 5, monitor=monitor)
    if monitor is Monitor.VIOLATIONS:
        history = [
            {"monitors": {"verdicts": {"accepted": 0.01, "sandbox_violation": 0.99}}}
        ] * WINDOW
    [alarm] = last(history)
    assert alarm["monitor"] == monitor
    assert "99%" in alarm["reason"]


@pytest.mark.parametrize("role", ["coder", "tester"])
def test_entropy_and_length_are_measured_by_the_first_steps(role: str) -> None:
    fallen = of_role(role, "entropy", *[2.0] * 5, *[0.1] * 5)
    [alarm] = last(fallen)
    assert (alarm["monitor"], alarm["value"]) == (f"{role}_entropy", pytest.approx(0.05))
    assert last(of_role(role, "entropy", *[0.1] * 10)) == []  # low from the start is no collapse
    assert last(of_role(role, "entropy", *[2.0] * 5, *[0.9] * 5)) == []
    longer = of_role(role, "mean_length", *[100.0] * 5, *[250.0] * 5)
    [alarm] = last(longer)
    assert alarm["monitor"] == f"{role}_length"
    assert "2.5 times as long" in alarm["reason"]
    assert last(of_role(role, "mean_length", *[100.0] * 5, *[180.0] * 5)) == []


def test_a_collapse_to_nothing_is_an_alarm_and_nothing_from_the_start_is_none() -> None:
    assert last(of_role("coder", "entropy", *[2.0] * 5, *[0.0] * 5))
    assert last(of_role("coder", "entropy", *[0.0] * 10)) == []
    assert last(of_role("coder", "entropy", *[None] * 10)) == []


def test_the_newest_culprits_are_named() -> None:
    history = steps(*[0.9] * 5, monitor="suspect_tests")
    history[1]["monitors"]["named"] = {"suspect_tests": ["an older one"]}
    history[3]["monitors"]["named"] = {"suspect_tests": ["a", "b", "c", "d"]}
    [alarm] = last(history)
    assert alarm["reason"].endswith("(such as a, b, c)")


def test_an_alarm_begins_once() -> None:
    [alarm] = now = last(steps(*[1.0] * 5))
    assert new_alarms(now, []) == [alarm]
    assert new_alarms(now, [{"step": 4, "alarms": []}]) == [alarm]
    assert new_alarms(now, [{"step": 4}]) == [alarm]
    assert new_alarms(now, [{"step": 4, "alarms": now}]) == []
    assert new_alarms(now, [{"step": 3, "alarms": now}, {"step": 4, "alarms": []}]) == [alarm]


def test_every_threshold_of_the_recipe_is_used() -> None:
    used = {m.value for m in Monitor} | {"entropy", "length", "gradient_share", "truncated_share"}
    used |= {"gap_drift"}
    assert set(MonitorSettings.model_fields) <= used


@pytest.mark.parametrize("role", list(Role))
def test_a_role_that_learns_nothing_is_an_alarm_unless_it_is_not_to(role: Role) -> None:
    idle = of_role(role, "gradient_share", *[0.01] * 5)
    [alarm] = last(idle)
    assert alarm["monitor"] == f"{role}_gradient"
    assert f"{role}.dropped" in alarm["reason"]
    others = [r for r in Role if r is not role]
    assert alarms_after(LIMITS, idle[:-1], idle[-1], others) == []
    assert last(of_role(role, "gradient_share", *[0.5] * 5)) == []


@pytest.mark.parametrize("role", list(Role))
def test_responses_that_are_all_cut_off_are_an_alarm(role: Role) -> None:
    [alarm] = last(of_role(role, "truncated_share", *[1.0] * 5))
    assert alarm["monitor"] == f"{role}_truncated"
    assert f"sampling.{role}_max_tokens" in alarm["reason"]
    assert last(of_role(role, "truncated_share", *[0.5] * 5)) == []


def test_the_first_steps_are_the_first_that_have_a_value() -> None:
    unknown = [None] * 3  # by the first five steps alone there would never be a baseline
    assert last(of_role("tester", "entropy", *unknown, *[2.0] * 5)) == []
    [alarm] = last(of_role("tester", "entropy", *unknown, *[2.0] * 5, *[0.1] * 5))
    assert (alarm["monitor"], alarm["value"]) == ("tester_entropy", pytest.approx(0.05))


def test_a_run_has_learned_nothing_if_no_response_ever_carried_gradient() -> None:
    still = of_role("coder", "gradient_share", 0.0, None, 0.0)
    assert learned_nothing(still)
    assert not learned_nothing([*still, *of_role("tester", "gradient_share", 0.1)])
    assert not learned_nothing([])


def test_log_probs_that_drift_apart_are_told_by_those_of_the_first_steps() -> None:
    still, gone = [0.011] * 6, [0.024] * 5
    [alarm] = last(of_role("tester", "logprob_gap", *still, *gone))
    assert alarm["monitor"] == "tester_gap"
    assert alarm["value"] == pytest.approx(0.024 / 0.011)
    assert "differ 2.2 times as much as in the first steps" in alarm["reason"]
    assert last(of_role("tester", "logprob_gap", *still, *[0.02] * 5)) == []
    history = of_role("coder", "logprob_gap", *still, *gone)
    wide = MonitorSettings(gap_drift=3)
    assert last(history, wide) == []
    # older weights have sampled: the distance is theirs
    assert alarms_after(LIMITS, history[:-1], history[-1], tuple(Role), asynchronous=True) == []
    # the rounding of float32
    assert last(of_role("coder", "logprob_gap", *[3e-7] * 5, *[9e-7] * 5)) == []
    assert last(of_role("coder", "logprob_gap", *[3e-7] * 5, *[2e-3] * 5)) != []
