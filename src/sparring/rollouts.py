"""Where a step's judged bouts come from: made now, or recorded earlier.

Live rollouts are journalled as they come: each role's responses, then the
whole bouts (`Live.keep`), each on disk before it is used. What is recorded is
never sampled or run again, whether the run was stopped by Ctrl-C or by a
power cut. A replay takes another run's record and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from sparring.errors import RunError
from sparring.pipelines.bout import Judged, Supervision, infra_share, judge
from sparring.pipelines.record import (
    Scored,
    judged_from,
    response_from,
    response_record,
    rollout_record,
    usage_record,
)
from sparring.pipelines.supervised import supervise
from sparring.ring import Ring
from sparring.runs.directory import RunDir, clean, step_file
from sparring.runs.progress import Clock, Progress
from sparring.schema import Response, Role, Task
from sparring.supervision import Written


class Rollouts(Protocol):
    """A source of bouts."""

    def judged(self, step: int, clock: Clock) -> list[Judged]:
        """The bouts of a step."""
        ...

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """Put them on disk; called before anything is learned from them."""
        ...


class Live:
    """Bouts of the current model. Raises `RunError` when too much fails for our own reasons."""

    def __init__(self, ring: Ring, run: RunDir, progress: Progress) -> None:
        self.ring = ring
        self.run = run
        self.progress = progress
        self.written = Written(ring.supervisor, run) if ring.supervisor else None

    def judged(self, step: int, clock: Clock) -> list[Judged]:
        """See `Rollouts.judged`."""
        name = step_file("rollouts", step)
        if self.run.has(name):
            found = [judged_from(r) for r in self.run.read_lines(name)]
            clock.lap("reading")
            return found
        tasks = self.ring.batch(step)
        self.progress.phase("sampling")
        coder, tester = (self._responses(step, role, tasks) for role in Role)
        if self.written:
            self.written.responses(tasks)
        clock.lap("sampling")
        self.progress.phase("running programs")
        before = self.ring.sandbox.stats.runs_executed
        supervision = self._supervision(tasks, coder, tester)
        judged = judge(
            self.ring.sandbox,
            tasks,
            coder,
            tester,
            self.ring.limits,
            reasoning=self.ring.reasoning,
        )
        judged = [replace(j, supervision=s) for j, s in zip(judged, supervision, strict=True)]
        lost = infra_share(judged)
        if lost > self.ring.recipe.sandbox.max_infra_share:
            raise RunError(
                f"step {step}: {lost:.0%} of the runs failed for reasons of our own; look at the "
                "machine (memory, processes), then --resume"
            )
        self.run.write_lines(step_file("usage", step), [usage_record(j) for j in judged])
        clock.runs = self.ring.sandbox.stats.runs_executed - before
        clock.lap("running")
        return judged

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`. Recorded ones are compared instead: a reward that is no longer
        what it was would make a run that nobody can explain."""
        name = step_file("rollouts", step)
        records = [rollout_record(step, s) for s in scored]
        if self.run.has(name):
            if self.run.read_lines(name) != clean(records):
                raise RunError(
                    f"{self.run.path}: the rewards of step {step} are no longer those recorded in "
                    f"{name}; a reward function or the version of sparring has changed: restore "
                    "it, or start a run of your own with --replay"
                )
        else:
            self.run.write_lines(name, records)
        for role in Role:
            self.run.remove(step_file("journal", step, role))

    def _supervision(
        self,
        tasks: Sequence[Task],
        coder: Sequence[Sequence[Response]],
        tester: Sequence[Sequence[Response]],
    ) -> Sequence[Supervision | None]:
        """The bouts by a supervising tester's tests. Asked for before those by ground truth, so
        that nothing of these can have been in a program's company."""
        if self.written is None:
            return [None] * len(tasks)
        return supervise(
            self.ring.sandbox,
            tasks,
            coder,
            tester,
            self.written.responses(tasks),
            self.ring.limits,
            self.ring.reasoning,
            self.written.supervisor.reasoning,
        )

    def _responses(self, step: int, role: Role, tasks: Sequence[Task]) -> list[list[Response]]:
        """Sampled and journalled, or read from the journal."""
        name = step_file("journal", step, role)
        if not self.run.has(name):
            s = self.ring.recipe.sampling
            count = s.programs if role is Role.CODER else s.tests
            found = self.ring.sampler.sample(self.ring.prompts(tasks, role, step), count)
            self.run.write_lines(
                name,
                [
                    {"task": t.id, "responses": [response_record(r) for r in group]}
                    for t, group in zip(tasks, found, strict=True)
                ],
            )
            return found
        return [
            [response_from(r, g["task"], role, i) for i, r in enumerate(g["responses"])]
            for g in self.run.read_lines(name)
        ]


class Replayed:
    """The bouts that another run recorded."""

    def __init__(self, source: RunDir, run: RunDir, checker: str | None = None) -> None:
        """With a ``checker``, recorded outputs are compared anew by it."""
        self.source = source
        self.run = run
        self.checker = checker
        self.steps = source.recorded_steps()
        if not self.steps:
            raise RunError(f"{source.path}: has no rollouts to replay")

    def judged(self, step: int, clock: Clock) -> list[Judged]:
        """See `Rollouts.judged`."""
        records: list[dict[str, Any]] = self.source.read_lines(step_file("rollouts", step))
        found = [judged_from(r, self.checker) for r in records]
        clock.lap("reading")
        return found

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`: with the rewards of this run's recipe."""
        records = [rollout_record(step, s) for s in scored]
        self.run.write_lines(step_file("rollouts", step), records)
