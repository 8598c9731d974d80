"""Where a step's judged bouts come from: made now, or recorded earlier.

Live rollouts are made in rounds (`sparring.training.round`) and journalled as they
come, then as whole bouts (`Live.keep`), each on disk before it is learned
from. What is recorded is never sampled or run again, whether the run was
stopped by Ctrl-C or by a power cut. A step has the tasks of its batch and, if
wanted, others in place of those whose tests have no label
(`sampling.extra_rounds`). A replay takes another run's record and nothing
else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sparring.errors import RunError
from sparring.grading.grade import infra_share
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored, rollout_record, usage_record
from sparring.grading.recorded import result_from
from sparring.policy.base import Prompt
from sparring.runs.directory import RunDir
from sparring.runs.lines import clean
from sparring.runs.reader import RunReader, step_file
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import PrefetchingRunner
from sparring.schema import Response, Role
from sparring.training.asking import Table, journal_file
from sparring.training.journal import foreign
from sparring.training.players import Player
from sparring.training.round import Round


class Rollouts(Protocol):
    """A source of bouts."""

    def judged(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """The bouts of a step."""
        ...

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """Put them on disk; called before anything is learned from them."""
        ...

    def settle(self) -> None:
        """Wait until nothing is under way; called before the model is evaluated."""
        ...


class Live:
    """Bouts of the weights that the table's sampler has. Raises `RunError` when too much fails for
    our own reasons."""

    def __init__(self, table: Table, pass_rates: Mapping[str, float]) -> None:
        """``pass_rates`` by task, for the curriculum, are looked at when a step is begun."""
        self.table = table
        self.ring = table.ring
        self.run = table.run
        self.pass_rates = pass_rates

    def judged(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.judged`."""
        name = step_file("rollouts", step)
        if self.run.has(name):
            with timeline.during(Phase.READING):
                found = [result_from(r) for r in self.run.read_lines(name)]
                self._check_record(name, step, found)
            return found
        before = self.ring.sandbox.stats.runs_executed
        tasks, judged = self.ring.batch(step, self.pass_rates), list[GroupResult]()
        runner = PrefetchingRunner(self.ring.sandbox, timeline.running)
        for turn in range(1 + self.ring.recipe.sampling.extra_rounds):
            made = Round(self.table, runner, step, turn, tasks)
            bouts = made.bouts()
            judged += bouts
            missing = sum(not made.labelled(j) for j in bouts)
            taken = {j.task.id for j in judged}
            tasks = self.ring.further(step, taken, missing, self.pass_rates)
            if not tasks:
                break
        lost = infra_share(judged)
        if lost > self.ring.recipe.sandbox.max_infra_share:
            raise RunError(
                f"step {step}: {lost:.0%} of the runs failed for reasons of our own; look at the "
                "machine (memory, processes), then --resume"
            )
        with timeline.during(Phase.JOURNALLING):
            self.run.write_lines(step_file("usage", step), [usage_record(j) for j in judged])
        timeline.ran(self.ring.sandbox.stats.runs_executed - before)
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
        for turn in range(1 + self.ring.recipe.sampling.extra_rounds):
            for player in Player:
                self.run.remove(journal_file(step, turn, player))
        self.table.sampler.rest()

    def settle(self) -> None:
        """Nothing is under way between steps."""

    def _check_record(self, name: str, step: int, found: Sequence[GroupResult]) -> None:
        """Recorded bouts are of this step's tasks; further ones are of the run's tasks at least."""
        batch, known = self.ring.batch(step, self.pass_rates), {t.id: t for t in self.ring.tasks}
        ids = [j.task.id for j in found]
        if ids[: len(batch)] != [t.id for t in batch] or any(i not in known for i in ids):
            raise RunError(foreign(self.run, name))
        sampling = self.ring.recipe.sampling
        for role, groups, count in (
            (Role.CODER, [j.coder for j in found], sampling.programs),
            (Role.TESTER, [j.tester for j in found], sampling.tests),
        ):
            asked = [
                (i, g) for i, g in zip(ids, groups, strict=True) if len(g) or role is Role.CODER
            ]
            prompts = self.ring.prompts([known[i] for i, _ in asked], role, step)
            self._check_own(name, prompts, [g for _, g in asked], count)

    def _check_own(
        self, name: str, prompts: Sequence[Prompt], groups: Sequence[Sequence[Response]], count: int
    ) -> None:
        """What is on record answers these prompts, each the right number of times."""
        wanted = [[(p.task_id, p.token_ids)] * count for p in prompts]
        if [[(r.task_id, r.prompt_ids) for r in group] for group in groups] != wanted:
            raise RunError(foreign(self.run, name))


class Replayed:
    """The bouts that another run recorded."""

    def __init__(self, source: RunReader, run: RunDir, checker: str | None = None) -> None:
        """With a ``checker``, recorded outputs are compared anew by it."""
        self.source = source
        self.run = run
        self.checker = checker
        self.steps = source.recorded_steps()
        if not self.steps:
            raise RunError(f"{source.path}: has no rollouts to replay")

    def judged(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.judged`."""
        with timeline.during(Phase.READING):
            records: list[dict[str, Any]] = self.source.read_lines(step_file("rollouts", step))
            return [result_from(r, self.checker) for r in records]

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`: with the rewards of this run's recipe."""
        records = [rollout_record(step, s) for s in scored]
        self.run.write_lines(step_file("rollouts", step), records)

    def settle(self) -> None:
        """Nothing is ever under way."""
