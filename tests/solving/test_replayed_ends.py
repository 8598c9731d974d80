"""A session that ends at any moment is decided again as it was, with the reason of its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, Stopped
from sparring.interrupt import stopping
from sparring.selection.selectors import Selector
from sparring.solving.api import solve
from sparring.solving.budget import Budget
from sparring.solving.engine import solve_task
from sparring.solving.options import Sizes
from sparring.solving.pipelines import OWN_RULE, Pipeline
from sparring.solving.replay import recorded_session, replay_directory
from sparring.solving.strategies import recorded_strategy, strategy_of
from tests.fake_openai import FakeOpenAI, usual
from tests.solving.sessions import TASK, solve_options

pytestmark = pytest.mark.usefixtures("shared_workers")


def after(calls: int) -> Callable[[], bool]:
    """A stop that the user asks for once it was looked at so often."""
    looks = count()
    return lambda: next(looks) >= calls


@pytest.mark.parametrize("pipeline", [None, Pipeline.ALPHACODIUM])
def test_a_stop_at_any_moment_is_replayed(
    fake: FakeOpenAI, tmp_path: Path, pipeline: Pipeline | None
) -> None:
    options = solve_options(fake, sizes=Sizes(2, 2))
    looks = count()
    solve_task(TASK, options, tmp_path / "whole", strategy=strategy_of(pipeline),
               stop=lambda: next(looks) < 0)  # fmt: skip
    stopped = 0
    for calls in range(1, next(looks), 3):
        out = tmp_path / str(calls)
        try:
            first = solve_task(
                TASK, options, out, strategy=strategy_of(pipeline), stop=after(calls)
            )
        except Stopped:
            continue  # before the server had answered
        again = replay_directory(out, strategy=strategy_of(pipeline))
        assert again.same is True, (calls, first.record["decision"])
        assert again.solved.record["stopped"] == first.record["stopped"]
        stopped += first.record["stopped"]
    assert stopped


def test_a_model_that_dies_in_the_last_round_is_replayed(fake: FakeOpenAI, tmp_path: Path) -> None:
    fake.always = "drop"
    first = solve_task(TASK, solve_options(fake, sizes=Sizes(2, 2), attempts=1), tmp_path / "s")
    assert first.solution.reason.startswith("the model is gone")
    assert replay_directory(tmp_path / "s").same is True


def test_a_limit_of_the_users_own_bounds_a_replay_too(fake: FakeOpenAI, tmp_path: Path) -> None:
    """Without a report of usage the costs are bounds; in a replay they must be the same ones."""

    def silent(body: dict[str, Any]) -> dict[str, Any]:
        return {**usual(body), "usage": None}

    fake.writes = silent
    options = solve_options(fake, Budget(tokens=12_000), Sizes(12, 12), max_tokens=4_000)
    asking = replace(options.asking, extra={"max_tokens": 20})
    first = solve_task(TASK, replace(options, asking=asking), tmp_path / "s")
    assert len(first.programs) > 4
    again = replay_directory(tmp_path / "s")
    assert again.same is True
    assert again.solved.costs.tokens == first.costs.tokens


def test_the_rule_of_a_pipeline_is_replayed(fake: FakeOpenAI, tmp_path: Path) -> None:
    out = tmp_path / "s"
    solve("Print the number plus one.", coder=fake.url, n=3, m=3, out=out,
          pipeline=Pipeline.BEST_OF_N, select=Selector.MAJORITY)  # fmt: skip
    recorded = recorded_session(out)
    strategy = recorded_strategy(recorded.strategy, recorded.options.select)
    assert replay_directory(out, strategy=strategy).same is True


@pytest.mark.parametrize("pipeline", sorted(OWN_RULE))
def test_options_without_effect_on_a_pipeline_are_refused(
    fake: FakeOpenAI, pipeline: Pipeline
) -> None:
    with pytest.raises(ConfigError, match="has a rule of its own"):
        solve("Print x.", coder=fake.url, pipeline=pipeline, select=Selector.MAJORITY)
    with pytest.raises(ConfigError, match="which repairs by its own rules"):
        solve("Print x.", coder=fake.url, pipeline=pipeline, repairs=1)
    assert not fake.bodies


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping() as should_stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not should_stop()
    finally:
        signal.signal(signal.SIGHUP, before)
