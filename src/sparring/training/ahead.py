"""Rollouts made one step ahead: while a step is learned from, the next is sampled.

With ``training.ahead = 1`` the rollouts of step k come from the weights after
step k−2 (those of steps 1 and 2 from the start). Which weights these are is
fixed by the step, never by who was faster, so a run is the same function of
recipe and seed however it was timed, stopped and taken up again. The learner
knows of it by `learning.importance_cap`: tokens are weighed by how likely the
weights of today find them.

A thread of its own samples, with a copy of the weights (`Trainer.behind`); the
copy is in every checkpoint, because the step after a checkpoint comes from the
weights of the step before it. Where servers sample, the copy is files that all
processes write before the thread begins (`behind`): while it samples they
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
from sparring.training.asking import Table
from sparring.training.rollouts import Live
from sparring.training.step import tokens_of
from sparring.training.trainer import Behind, Trainer

_LANE = "ahead"
_AT_ONCE = 10.0
"""Seconds that a thread is waited for when the user wants to stop at once."""


class Flight:
    """The bouts of one step in the making."""

    def __init__(self, step: int, live: Live, timeline: Timeline) -> None:
        self.step = step
        self.live = live
        self._timeline = timeline
        self._found: list[GroupResult] | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name=f"step-{step}", daemon=True)
        self._thread.start()

    def wait(self, timeline: Timeline, seconds: float | None = None) -> None:
        """Until it has come in, well or not; the waiting shows in the ``timeline``."""
        with timeline.during(Phase.WAITING):
            self._thread.join(seconds)

    def landed(self, timeline: Timeline) -> list[GroupResult]:
        """Its bouts. Raises what has ended it."""
        self.wait(timeline)
        if self._failure is not None:
            raise self._failure
        assert self._found is not None
        return self._found

    def _make(self) -> None:
        self._timeline.in_lane(_LANE)
        try:
            self._found = self.live.judged(self.step, self._timeline)
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            self._failure = error


class Ahead:
    """`Rollouts` of the weights of one step before. A context manager: what is in flight at its
    end is abandoned, as far as it has got it is in the journal."""

    def __init__(self, table: Table, trainer: Trainer, behind: Behind) -> None:
        """``behind`` has the weights that the step after the trainer's comes from."""
        self.trainer = trainer
        self.behind = behind
        self._left = threading.Event()
        self._timeline = table.progress.timeline
        self._table = replace(
            table, sampler=table.sampler.played_by(behind), lane=f"{_LANE} ", left=self._left
        )
        self._flight: Flight | None = None
        self._live = Live(self._table, behind.pass_rates)

    def judged(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.judged`. The step that follows is begun before this returns."""
        flight = self._flight or self._begun(step)
        found = flight.landed(timeline)
        self._flight = None
        self.behind.follow(self.trainer)
        tokens = self.trainer.tokens + tokens_of(found)
        if not self.trainer.recipe.training.finished(step, tokens):
            self._flight = self._begun(step + 1)
        self._live = flight.live
        return found

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`."""
        self._live.keep(step, scored)

    def settle(self) -> None:
        """Wait until nothing is in flight."""
        if self._flight is not None:
            self._flight.wait(self._timeline)

    def _begun(self, step: int) -> Flight:
        return Flight(step, Live(self._table, self.behind.pass_rates), self._timeline)

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        if self._flight is not None:
            at_once = kind is not None and issubclass(kind, KeyboardInterrupt)
            self._flight.wait(self._timeline, _AT_ONCE if at_once else None)
