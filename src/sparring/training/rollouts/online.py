"""Rollouts of a step, sampled now.

Responses are journalled as they come, then whole bouts (`OnlineRollouts.keep`), each on disk before
it is learned from. What is recorded is never sampled or run again, whether the run was stopped by
Ctrl-C or by a power cut. A step has the tasks of its batch and, if wanted, in further attempts
others in place of those whose tests have no label (`sampling.extra_rounds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.errors import RunError
from sparring.grading.grade import infra_share
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored, rollout_record, usage_record
from sparring.grading.recorded import result_from
from sparring.policy.base import Prompt
from sparring.runs.lines import clean
from sparring.runs.reader import step_file
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import PrefetchingRunner
from sparring.schema import Response, Role
from sparring.training.rollouts.batch import RolloutBatch
from sparring.training.rollouts.context import RolloutContext
from sparring.training.rollouts.responses import journal_file
from sparring.training.state.journal import foreign
from sparring.training.weights.players import Player


class OnlineRollouts:
    """Bouts of the context's policies. Raises `RunError` when too much fails for our own
    reasons."""

    def __init__(self, context: RolloutContext, pass_rates: Mapping[str, float]) -> None:
        """``pass_rates`` by task, for the curriculum, are looked at when a step is begun."""
        self.context = context
        self.run = context.run
        self.pass_rates = pass_rates

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.results`."""
        name = step_file("rollouts", step)
        if self.run.has(name):
            with timeline.during(Phase.READING):
                judged = [result_from(r) for r in self.run.read_packed(name)]
                self._check_record(name, step, judged)
            return judged
        recipe, order, sandbox = self.context.recipe, self.context.order, self.context.sandbox
        before = sandbox.stats.runs_executed
        tasks, judged = order.batch(step, self.pass_rates), list[GroupResult]()
        runner = PrefetchingRunner(sandbox, timeline.running)
        last = recipe.sampling.extra_rounds
        for attempt in range(1 + last):
            batch = RolloutBatch(self.context, runner, step, attempt, tasks)
            results = batch.results()
            judged += results
            if attempt == last:
                break  # no task comes in place of one without a label: nobody asks which have one
            missing = sum(not batch.labelled(j) for j in results)
            taken = {j.task.id for j in judged}
            tasks = order.further(step, taken, missing, self.pass_rates)
            if not tasks:
                break
        lost = infra_share(judged)
        if lost > recipe.sandbox.max_infra_share:
            raise RunError(
                f"step {step}: {lost:.0%} of the runs failed for reasons of our own; look at the "
                "machine (memory, processes), then --resume"
            )
        with timeline.during(Phase.JOURNALLING):
            self.run.write_packed(step_file("usage", step), [usage_record(j) for j in judged])
        timeline.ran(sandbox.stats.runs_executed - before)
        return judged

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """See `Rollouts.keep`. Recorded ones are compared instead: a reward that is no longer
        what it was would make a run that nobody can explain."""
        name = step_file("rollouts", step)
        records = [rollout_record(step, s) for s in scored]
        if self.run.has(name):
            if self.run.read_packed(name) != clean(records):
                raise RunError(
                    f"{self.run.path}: the rewards of step {step} are no longer those recorded in "
                    f"{name}; a reward function or the version of sparring has changed: restore "
                    "it, or start a run of your own with --replay"
                )
        else:
            self.run.write_packed(name, records)
        for attempt in range(1 + self.context.recipe.sampling.extra_rounds):
            for player in Player:
                self.run.remove(journal_file(step, attempt, player))
        self.context.policies.rest()

    def settle(self) -> None:
        """Nothing is under way between steps."""

    def _check_record(self, name: str, step: int, judged: Sequence[GroupResult]) -> None:
        """Recorded bouts are of this step's tasks; further ones are of the run's tasks at least."""
        order = self.context.order
        batch, known = order.batch(step, self.pass_rates), {t.id: t for t in order.tasks}
        ids = [j.task.id for j in judged]
        if ids[: len(batch)] != [t.id for t in batch] or any(i not in known for i in ids):
            raise RunError(foreign(self.run, name))
        sampling = self.context.recipe.sampling
        for role, groups, count in (
            (Role.CODER, [j.coder for j in judged], sampling.programs),
            (Role.TESTER, [j.tester for j in judged], sampling.tests),
        ):
            asked = [
                (i, g) for i, g in zip(ids, groups, strict=True) if len(g) or role is Role.CODER
            ]
            prompts = self.context.prompts.of_step(step, [known[i] for i, _ in asked], role)
            self._check_own(name, prompts, [g for _, g in asked], count)

    def _check_own(
        self, name: str, prompts: Sequence[Prompt], groups: Sequence[Sequence[Response]], count: int
    ) -> None:
        """What is on record answers these prompts, each the right number of times."""
        wanted = [[(p.task_id, p.token_ids)] * count for p in prompts]
        if [[(r.task_id, r.prompt_ids) for r in group] for group in groups] != wanted:
            raise RunError(foreign(self.run, name))
