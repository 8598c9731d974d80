"""Replayed rollouts: the groups of a step are read from the records of another run."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.errors import RunError
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup, rollout_record
from sparring.grading.recorded import results_of_step
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, step_file
from sparring.runs.timeline import Phase, Timeline


class ReplayedRollouts:
    """Groups that another run recorded."""

    def __init__(
        self, source: RunReader, run: RunDir, checker: str | None = None, details: bool = False
    ) -> None:
        """With a ``checker``, recorded outputs are compared anew by that rule. With ``details``,
        groups have the details of executions, and this run keeps them too."""
        self.source = source
        self.run = run
        self.checker = checker
        self.details = details
        self.steps = source.recorded_steps()
        if not self.steps:
            raise RunError(f"{source.path}: the run has no recorded rollouts to replay")

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.results`."""
        with timeline.during(Phase.READING):
            return results_of_step(self.source, step, self.checker, self.details)

    def keep(self, step: int, scored: Sequence[ScoredGroup]) -> None:
        """See `Rollouts.keep`. The rewards written are those of this run's recipe."""
        usage = step_file("usage", step)
        if self.details and self.source.has(usage):
            self.run.write_packed(usage, self.source.read_packed(usage))
        records = [rollout_record(step, s) for s in scored]
        self.run.write_packed(step_file("rollouts", step), records)

    def settle(self) -> None:
        """Return at once: a replay samples nothing."""
