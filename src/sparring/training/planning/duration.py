"""Estimate of a run's duration from the step of a few tasks that a dry run makes.

A forward pass of the local sampler takes little longer for many rows than for few. So the seconds
of a few tasks, multiplied by the number of tasks, overestimate a step. Here the first tokens of the
responses are sampled twice, for a few tasks and for all tasks of a step, and the seconds of the dry
run's responses grow by the ratio of the two. The batches of a server cannot be observed: with
servers the estimate stays an upper bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sparring.config.recipe import Recipe
from sparring.config.schedule import run_schedule
from sparring.policy.base import Prompt
from sparring.runs.forecast import forecast
from sparring.runs.timeline import Phase, PhaseAccount, covered
from sparring.schema import Role
from sparring.training.planning.check import Check
from sparring.training.rollouts.context import RolloutContext
from sparring.training.weights.players import Player

_TOKENS = 16
"""Tokens of each response that are sampled to compare batches."""


@dataclass(frozen=True, slots=True)
class StepCost:
    """Cost of a whole step, estimated."""

    sampling: float
    """Seconds of sampling."""
    running: float
    """Seconds of executions and grading that are not hidden behind sampling."""
    learning: float
    """Seconds of the update."""
    tokens: float
    """Tokens sampled."""
    bounded: bool
    """True if the seconds are an upper bound, because servers sample."""

    @property
    def seconds(self) -> float:
        """Seconds of the step."""
        return self.sampling + self.running + self.learning


def sampling_seconds(context: RolloutContext, account: PhaseAccount, few: int) -> float:
    """Return the seconds of sampling a whole step, from the ``account`` of a rollout batch of the
    first ``few`` tasks of step 1."""
    tasks = context.order.batch(1, {})
    by_lane = {
        lane: covered(i for i in account.intervals if (i.phase, i.lane) == (Phase.SAMPLING, lane))
        for lane in {i.lane for i in account.intervals if i.phase is Phase.SAMPLING}
    }
    most = len(tasks) / few
    if context.policies.served or most <= 1:
        return sum(by_lane.values()) * most
    prompts = context.prompts
    counts = _counts(context.recipe)
    asked = {
        Player.CODER: prompts.of_step(1, tasks, Role.CODER),
        Player.INITIAL_POLICY: prompts.of_initial_policy(1, tasks),
        Player.TESTER: prompts.of_step(1, tasks, Role.TESTER),
    }
    return sum(
        seconds * _growth(context, Player(lane), asked[Player(lane)], counts[Player(lane)], few)
        if lane in list(Player)
        else seconds * most  # the frozen tester, which is sampled elsewhere
        for lane, seconds in by_lane.items()
    )


def steps_made(recipe: Recipe, step: StepCost) -> int:
    """Return the number of steps of the run: those of the recipe, or fewer where they spend the
    token budget."""
    training = recipe.training
    if training.token_budget is None:
        return training.steps
    of_batch = step.tokens / (1 + recipe.sampling.extra_attempts)
    return min(training.steps, math.ceil(training.token_budget / of_batch))


def duration_check(recipe: Recipe, step: StepCost) -> Check:
    """Return the check that names the duration of a step and of the run, with its evaluations."""
    steps = steps_made(recipe, step)
    ending = ", which spend training.token_budget" if steps < recipe.training.steps else ""
    record = {"seconds": step.seconds, "phases": {"learning": step.learning}}
    schedule = replace(run_schedule(recipe), steps=steps, token_budget=None)
    known = forecast(schedule, [record], 0)
    minutes = known.left() / 60 if known else math.nan
    whole = f"{minutes:,.0f} min" if minutes < 60 else f"{minutes / 60:,.1f} h"
    reasons = ["a whole step is faster per response than this small one"] if step.bounded else []
    if recipe.sampling.extra_attempts:
        reasons.append("with all sampling.extra_attempts in every step")
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return Check(
        "time, at most" if reasons else "time",
        f"{step.seconds:,.0f} s per step, {whole} for {steps:,} steps{ending}, evaluations "
        f"included{why}",
    )


def _growth(
    context: RolloutContext, player: Player, prompts: Sequence[Prompt], count: int, few: int
) -> float:
    """Return how much longer the first tokens take for all ``prompts`` than for the first ``few``,
    ``count`` responses each: from 1 to the ratio of the numbers of prompts."""
    first = [
        replace(p, params=replace(p.params, max_tokens=min(_TOKENS, p.params.max_tokens)))
        for p in prompts
    ]
    seconds = []
    for part in (first[:few], first):
        start = time.monotonic()
        context.policies.play(player, part, count)
        seconds.append(time.monotonic() - start)
    return min(max(1.0, seconds[1] / seconds[0]), len(first) / few)


def _counts(recipe: Recipe) -> Mapping[Player, int]:
    """Return the number of responses of each player to a task."""
    return {
        Player.CODER: recipe.sampling.programs,
        Player.INITIAL_POLICY: recipe.initial_policy_programs,
        Player.TESTER: recipe.sampling.tests,
    }
