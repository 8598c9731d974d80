"""Rollouts made one step ahead: while a step is learned from, the next is sampled.

With ``training.ahead = 1`` the rollouts of step k come from the weights after
step k−2 (those of steps 1 and 2 from the start). Which weights these are is
fixed by the step, never by who was faster, so a run is the same function of
recipe and seed however it was timed, stopped and taken up again. The learner
knows of it by `learning.importance_cap`: tokens are weighed by how likely the
weights of today find them.

A thread of its own samples, with a copy of the weights (`Trainer.behaviour`); the
copy is in every checkpoint, because the step after a checkpoint comes from the
weights of the step before it. Where servers sample, the copy is files that all
processes write before the thread begins (`weights.behaviour`): while it samples they
learn, and nothing may be asked of them. So log-probs are not compared when
weights come to a server then; they are before every evaluation, and the gap in
the update would show servers that have none of the run's steps.

What the thread has sampled is in the journal like any other response. One step
is in flight at a time, and none while the model is evaluated (`settle`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from sparring.grading.group import GroupResult
from sparring.grading.record import Scored
from sparring.runs.timeline import Phase, Timeline
from sparring.training.monitoring.metrics import tokens_of
from sparring.training.rollouts.context import RolloutContext
from sparring.training.rollouts.online import OnlineRollouts
from sparring.training.state.policy import BehaviourPolicy
from sparring.training.state.trainer import Trainer

_LANE = "ahead"
_AT_ONCE = 10.0
"""Seconds that a thread is waited for when the user wants to stop at once."""


class PendingStep:
    """The bouts of one step in the making."""

    def __init__(self, step: int, online: OnlineRollouts, timeline: Timeline) -> None:
        self.step = step
        self.online = online
        self._timeline = timeline
        self._found: list[GroupResult] | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name=f"step-{step}", daemon=True)
        self._thread.start()

    def wait(self, timeline: Timeline, seconds: float | None = None) -> None:
        """Wait until it has ended, well or not; the waiting shows in the ``timeline``."""
        with timeline.during(Phase.WAITING):
            self._thread.join(seconds)

    def result(self, timeline: Timeline) -> list[GroupResult]:
        """Its bouts. Raises what has ended it."""
        self.wait(timeline)
        if self._failure is not None:
            raise self._failure
        assert self._found is not None
        return self._found

    def _make(self) -> None:
        self._timeline.in_lane(_LANE)
        try:
            self._found = self.online.results(self.step, self._timeline)
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            self._failure = error


class AsyncRollouts:
    """`Rollouts` of the weights of one step before. A context manager: a step that is pending at
    its end is abandoned; as far as it has got it is in the journal."""

    def __init__(
        self, context: RolloutContext, trainer: Trainer, behaviour: BehaviourPolicy
    ) -> None:
        """``behaviour`` has the weights that the step after the trainer's comes from."""
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
        """See `Rollouts.results`. The step that follows is begun before this returns."""
        pending = self._pending or self._begun(step)
        judged = pending.result(timeline)
        self._pending = None
        self.behaviour.follow(self.trainer)
        tokens = self.trainer.tokens + tokens_of(judged)
        if not self.trainer.recipe.training.finished(step, tokens):
            self._pending = self._begun(step + 1)
        self._online = pending.online
        return judged

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`."""
        self._online.keep(step, scored)

    def settle(self) -> None:
        """Wait until no step is pending."""
        if self._pending is not None:
            self._pending.wait(self._timeline)

    def _begun(self, step: int) -> PendingStep:
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
