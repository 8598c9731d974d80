"""Where a step's judged bouts come from: made now, or recorded earlier.

Live rollouts are journalled as they come: each role's responses, then the
whole bouts (`Live.keep`), each on disk before it is used. What is recorded is
never sampled or run again, whether the run was stopped by Ctrl-C or by a
power cut. A replay takes another run's record and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sparring.errors import RunError
from sparring.pipelines.bout import Judged, infra_share, judge
from sparring.pipelines.record import (
    Scored,
    judged_from,
    response_from,
    response_record,
    rollout_record,
    usage_record,
)
from sparring.ring import Ring
from sparring.runs.directory import RunDir, clean, step_file, well_formed
from sparring.runs.progress import Clock, Progress
from sparring.sampling.base import Prompt
from sparring.schema import Response, Role, Task


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

    def judged(self, step: int, clock: Clock) -> list[Judged]:
        """See `Rollouts.judged`."""
        name = step_file("rollouts", step)
        tasks = self.ring.batch(step)
        if self.run.has(name):
            found = [judged_from(r) for r in self.run.read_lines(name)]
            for role in Role:
                played = [j.coder if role is Role.CODER else j.tester for j in found]
                self._check_own(name, role, self.ring.prompts(tasks, role, step), played)
            clock.lap("reading")
            return found
        self.progress.phase("sampling")
        coder, tester = (self._responses(step, role, tasks) for role in Role)
        clock.lap("sampling")
        self.progress.phase("running programs")
        before = self.ring.sandbox.stats.runs_executed
        judged = judge(
            self.ring.sandbox,
            tasks,
            coder,
            tester,
            self.ring.limits,
            reasoning=self.ring.reasoning,
        )
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

    def _responses(self, step: int, role: Role, tasks: Sequence[Task]) -> list[list[Response]]:
        """Sampled and journalled, or read from the journal."""
        name = step_file("journal", step, role)
        prompts = self.ring.prompts(tasks, role, step)
        if not self.run.has(name):
            found = self.ring.sampler.sample(prompts, self._count(role))
            self.run.write_lines(
                name,
                [
                    {"task": t.id, "responses": [response_record(r) for r in group]}
                    for t, group in zip(tasks, found, strict=True)
                ],
            )
            return found
        with well_formed(f"{self.run.path}: {name}"):
            found = [
                [response_from(r, g["task"], role, i) for i, r in enumerate(g["responses"])]
                for g in self.run.read_lines(name)
            ]
        self._check_own(name, role, prompts, found)
        return found

    def _count(self, role: Role) -> int:
        s = self.ring.recipe.sampling
        return s.programs if role is Role.CODER else s.tests

    def _check_own(
        self, name: str, role: Role, prompts: Sequence[Prompt], groups: Sequence[Sequence[Response]]
    ) -> None:
        """What is on record answers this step's prompts, each the right number of times."""
        wanted = [[(p.task_id, p.token_ids)] * self._count(role) for p in prompts]
        if [[(r.task_id, r.prompt_ids) for r in group] for group in groups] != wanted:
            raise RunError(
                f"{self.run.path}: {name} does not answer the prompts of its step; tasks, prompts "
                "or tokenizer have changed since, or the file has: put back what it was, or begin "
                "a new run"
            )


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
