"""Asynchronous rollouts: while the trainer learns from one step, the next step is sampled.

With ``training.max_async_level = 1`` the rollouts of step k come from the weights after
step k−2; the rollouts of steps 1 and 2 come from the initial weights. The
step's number alone fixes these weights, never the timing, so a run is the same
function of recipe and seed however it was timed, stopped and resumed. The loss
corrects for the older weights by truncated importance sampling
(`learning.tis_cap`).

A separate thread samples, from a copy of the weights (`Trainer.behaviour`).
Every checkpoint holds the copy, because the step after a checkpoint comes from
the weights of the step before the checkpoint.

Where servers sample, the copy is a set of files that all processes write before the thread starts
(`weights.behaviour`). While the thread samples, the processes are learning and must not be called.
Log-probs are therefore not compared when the servers load such files. Log-probs are compared before
every evaluation, and the gap recorded with each update would show servers with weights that belong
to no step of the run.

Responses of the thread go into the journal like any other response. At most one
step is pending at a time, and none while the model is evaluated (`settle`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup
from sparring.runs.timeline import Phase, Timeline
from sparring.training.monitoring.metrics import tokens_of
from sparring.training.rollouts.context import RolloutContext
from sparring.training.rollouts.online import OnlineRollouts
from sparring.training.state.policy import BehaviourPolicy
from sparring.training.state.trainer import Trainer

_LANE = "ahead"
"""Name of the thread's lane in the timeline."""
_WAITING = "waiting for rollouts"
"""Phase that the user sees while the trainer has nothing else to do."""
_AT_ONCE = 10.0
"""Seconds to wait for the thread when the user wants to stop at once."""


class PendingStep:
    """Groups of one step that a thread is sampling and grading."""

    def __init__(self, step: int, online: OnlineRollouts, timeline: Timeline) -> None:
        self.step = step
        self.online = online
        self._timeline = timeline
        self._groups: list[GroupResult] | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name=f"step-{step}", daemon=True)
        self._thread.start()

    def wait(self, timeline: Timeline, seconds: float | None = None) -> None:
        """Wait until the step has succeeded or failed, at most ``seconds``; the wait is counted in
        the ``timeline``."""
        with timeline.during(Phase.WAITING):
            self._thread.join(seconds)

    def result(self, timeline: Timeline) -> list[GroupResult]:
        """Return the groups of the step. Raises the exception that ended the thread, if any."""
        self.wait(timeline)
        if self._failure is not None:
            raise self._failure
        assert self._groups is not None
        return self._groups

    def _make(self) -> None:
        self._timeline.in_lane(_LANE)
        try:
            self._groups = self.online.results(self.step, self._timeline)
        except BaseException as error:  # noqa: BLE001  # raised again in `result`
            self._failure = error


class AsyncRollouts:
    """`Rollouts` sampled from the weights of the step before.

    A context manager: on exit a pending step is abandoned; the journal keeps the responses that
    the step has sampled so far.
    """

    def __init__(
        self, context: RolloutContext, trainer: Trainer, behaviour: BehaviourPolicy
    ) -> None:
        """``behaviour`` holds the weights from which the trainer's next step is sampled."""
        self.trainer = trainer
        self.behaviour = behaviour
        self._abandoned = threading.Event()
        self._timeline = context.timeline
        self._context = replace(
            context,
            policies=context.policies.with_weights(behaviour),
            lane=f"{_LANE} ",
            abandoned=self._abandoned,
        )
        self._pending: PendingStep | None = None
        self._online = OnlineRollouts(self._context, behaviour.pass_rates)

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.results`. Sampling of the next step starts before this method returns."""
        pending = self._pending or self._started(step)
        self._context.progress.phase(_WAITING)
        results = pending.result(timeline)
        self._pending = None
        self.behaviour.copy_from(self.trainer)
        tokens = self.trainer.tokens + tokens_of(results)
        if not self.trainer.recipe.training.finished(step, tokens):
            self._pending = self._started(step + 1)
        self._online = pending.online
        return results

    def keep(self, step: int, scored: Sequence[ScoredGroup]) -> None:
        """See `Rollouts.keep`."""
        self._online.keep(step, scored)

    def settle(self) -> None:
        """Wait until no step is pending."""
        if self._pending is not None:
            self._context.progress.phase(_WAITING)
            self._pending.wait(self._timeline)

    def _started(self, step: int) -> PendingStep:
        online = OnlineRollouts(self._context, self.behaviour.pass_rates)
        return PendingStep(step, online, self._timeline)

    def __enter__(self) -> AsyncRollouts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._abandoned.set()
        if self._pending is not None:
            at_once = kind is not None and issubclass(kind, KeyboardInterrupt)
            self._pending.wait(self._timeline, _AT_ONCE if at_once else None)
