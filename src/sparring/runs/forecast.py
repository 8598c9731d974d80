"""Forecast of a run's end, from the seconds of its steps, evaluations and checkpoints so far.

`forecast` reads the records of ``timing.jsonl``, so the run itself, a resumed run and
`sparring watch` compute the same figure. Its rules:

- **Steps**: a weighted mean of the measured steps. A step weighs 0.8 times as much as the step
  after it, so the last five steps have two thirds of the weight, and the mean follows responses
  that grow or shrink. A step counts as at most twice and at least half the median, so that one
  pause of the machine does not spoil the mean. The first step of all, which includes warming up,
  counts only until the second is made.
- **Evaluations**: response lengths and the load of the machine change steps and evaluations alike.
  So an evaluation is measured in steps: its seconds divided by those of the steps before it.
- **Recorded steps**, which a resumed run learns from again without sampling, cost what such steps
  have cost, or the learning part of a step.
- **Not measured yet**: an evaluation is estimated from its number of responses and the seconds per
  response of the steps, and a step in the same way from the first evaluation, or from recorded
  steps and the usual share of learning; that forecast is `Forecast.rough`. A checkpoint counts
  nothing until one has been written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

CLOSING = 2.0
"""Seconds of the curves after the last evaluation: matplotlib's import takes 1.3 s of processor
time, drawing 0.5 to 0.9 s."""
_DECAY = 0.8
"""Weight of a measurement relative to the next measurement of its kind."""
_KEPT = 40
"""Number of last measurements in a mean; earlier ones weigh next to nothing."""
_NEAR = 4
"""Number of steps that an evaluation is compared with."""
_LEARNING_SHARE = 0.5
"""Share of learning in a step of which only the sampling is known. The medians of two runs of
Qwen2.5-Coder-0.5B and three of the nano model on a CPU are 39 to 55%."""

_LENGTH_SHARE = 0.5
"""Length of a response as a share of the longest one, before any was measured. Steps of
Qwen2.5-Coder-0.5B sampled 24 to 67% of the tokens that they could."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunSchedule:
    """Plan of a run, as far as its duration depends on the plan."""

    steps: int
    token_budget: int | None = None
    """Number of sampled tokens that may end the run earlier."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None for one at the end alone."""
    evaluation_every: int | None = None
    """Steps between evaluations; None for a replay, which makes none."""
    initial_evaluations: int = 1
    """Evaluations of the initial model, each at another temperature; a replay makes none."""
    step_responses: int = 0
    """Responses of a step; 0 if unknown."""
    step_tokens: int = 0
    """Most tokens that a step can sample; 0 if unknown."""
    evaluation_responses: int = 0
    """Responses of an evaluation; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast at the end of a step or an evaluation."""

    current: float
    """Seconds of the step or evaluation that comes next."""
    later: float
    """Seconds of everything after it."""
    rough: bool = False
    """True if no sampled step has been measured: only the order of magnitude means something."""

    def left(self, elapsed: float = 0.0) -> float:
        """Return the seconds left ``elapsed`` seconds after the forecast."""
        return max(0.0, self.current - elapsed) + self.later


def forecast(
    schedule: RunSchedule, timing: Sequence[Record], step: int, spent: int = 0, recorded: int = 0
) -> Forecast | None:
    """Return the forecast after ``step``, or None if nothing is known yet.

    ``timing`` holds the records of timing.jsonl, of earlier processes too. ``spent`` is the number
    of tokens sampled so far. Steps up to ``recorded`` have rollouts on record.
    """
    measured = _Measured.of(timing)
    if schedule.evaluation_every is None and not measured.paces:
        measured.paces = measured.again  # a replay samples nothing
    rough = not measured.paces
    pace = measured.pace()
    if pace is None and (first := measured.evaluation_seconds()) and schedule.evaluation_responses:
        each = first / schedule.evaluation_responses
        pace = each * schedule.step_responses / (1 - _LEARNING_SHARE) or None
    if pace is None and measured.again:
        pace = mean(measured.again) / _LEARNING_SHARE
    if pace is None:
        return None
    last = _last_step(schedule, measured, step, spent)
    again = max(0, min(recorded, last) - step)
    repeated = measured.repeated(pace)
    evaluation = measured.evaluation(schedule, pace)
    pending, later_evaluations = _evaluations(schedule, measured.evaluated, step, last)
    checkpoints = _multiples(schedule.checkpoint_every or last, step, last)
    total = (
        (last - step - again) * pace
        + again * repeated
        + checkpoints * mean(measured.checkpoints)
        + (pending + later_evaluations) * evaluation
        + (CLOSING if schedule.evaluation_every else 0.0)
    )
    following = repeated if again else pace
    current = min(evaluation if pending else following, total)
    return Forecast(current, total - current, rough)


def mean(values: Sequence[float], default: float = 0.0) -> float:
    """Return the mean of measurements, in their order in time, by the rules of this module."""
    if not values:
        return default
    latest = list(values[-_KEPT:])
    middle = median(latest)
    clipped = [min(max(v, middle / 2), 2 * middle) for v in latest]
    weights = [_DECAY ** (len(latest) - 1 - i) for i in range(len(latest))]
    return sum(w * v for w, v in zip(weights, clipped, strict=True)) / sum(weights)


@dataclass(slots=True)
class _Measured:
    """Measurements of a run, each list in the order of time."""

    paces: list[float] = field(default_factory=list)
    """Seconds of each sampled step without its checkpoint; in a replay, of each step."""
    again: list[float] = field(default_factory=list)
    """Seconds of each step that was learned from its record."""
    learning: list[float] = field(default_factory=list)
    """Seconds of learning in each sampled step."""
    tokens: list[float] = field(default_factory=list)
    """Tokens of each sampled step."""
    checkpoints: list[float] = field(default_factory=list)
    evaluations: list[tuple[float, int]] = field(default_factory=list)
    """Seconds of each evaluation, and the number of sampled steps before it."""
    evaluated: list[int] = field(default_factory=list)
    """Step of each evaluation."""

    @classmethod
    def of(cls, timing: Sequence[Record]) -> _Measured:
        m = cls()
        for record in timing:
            seconds = float(record["seconds"])
            if "evaluation" in record:
                m.evaluations.append((seconds, len(m.paces)))
                m.evaluated.append(int(record["evaluation"]))
                continue
            phases = record.get("phases", {})
            if checkpoint := float(phases.get("checkpoint", 0.0)):
                m.checkpoints.append(checkpoint)
            if "reading" in phases:
                m.again.append(seconds - checkpoint)
                continue
            m.paces.append(seconds - checkpoint)
            m.learning.append(float(phases.get("learning", 0.0)))
            of_rate = float(record.get("tokens_per_s", 0.0)) * seconds
            m.tokens.append(float(record.get("tokens", of_rate)))
        return m

    def pace(self) -> float | None:
        """Return the seconds of a step, or None if no step was measured."""
        usual = self.paces[1:] or self.paces
        return mean(usual) if usual else None

    def repeated(self, pace: float) -> float:
        """Return the seconds of a step that is learned from its record."""
        return mean(self.again, mean(self.learning, pace * _LEARNING_SHARE))

    def evaluation_seconds(self) -> float:
        """Return the seconds of an evaluation, as measured; 0 without a measurement."""
        return mean([seconds for seconds, _ in self.evaluations])

    def evaluation(self, schedule: RunSchedule, pace: float) -> float:
        """Return the seconds of an evaluation at the current ``pace``."""
        if not self.paces and self.evaluations:
            return self.evaluation_seconds()
        if not self.evaluations:
            if not schedule.step_responses:
                return 0.0
            sampling = pace - mean(self.learning)
            return sampling / schedule.step_responses * schedule.evaluation_responses
        in_steps = []
        for seconds, count in self.evaluations:
            near = self.paces[max(1, count - _NEAR) : count] or self.paces[:2][-1:]
            in_steps.append(seconds / fmean(near))
        return pace * mean(in_steps)


def _last_step(schedule: RunSchedule, measured: _Measured, step: int, spent: int) -> int:
    """Return the step at which the run will end: its last one, or the one that spends the token
    budget at the present number of tokens per step."""
    tokens = mean(measured.tokens) or _LENGTH_SHARE * schedule.step_tokens
    if schedule.token_budget is None or not tokens:
        return max(step, schedule.steps)
    unspent = max(0, schedule.token_budget - spent)
    return max(step, min(schedule.steps, step + math.ceil(unspent / tokens)))


def _evaluations(
    schedule: RunSchedule, evaluated: Sequence[int], step: int, last: int
) -> tuple[int, int]:
    """Return the number of evaluations after ``step`` that are still to be made before the next
    step, and the number of evaluations to be made after later steps."""
    every = schedule.evaluation_every
    if every is None:
        return 0, 0
    due = 1 if step % every == 0 or step == last else 0
    if step == 0:
        due = schedule.initial_evaluations
    made = {s for s in evaluated if step < s <= last and (s % every == 0 or s == last)}
    return max(0, due - evaluated.count(step)), _multiples(every, step, last) - len(made)


def _multiples(every: int, step: int, last: int) -> int:
    """Return the number of steps after ``step`` up to ``last`` that are multiples of ``every`` or
    the last step."""
    if last <= step:
        return 0
    return last // every - step // every + (last % every != 0)
