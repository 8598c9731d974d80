"""Online rollouts: the groups of a step are sampled when the step is made.

Each response is written to the journal as it arrives. Then the scored groups are recorded
(`OnlineRollouts.keep`). Both are on disk before the trainer learns from them. A recorded response
is never sampled again and a recorded execution never repeated, whether Ctrl-C or a power cut
stopped the run.

A step has the tasks of its batch. With `sampling.extra_attempts` further attempts add other tasks
in place of tasks whose tests have no label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.errors import RunError
from sparring.grading.grade import infra_share
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup, rollout_record, usage_record
from sparring.grading.recorded import results_of_step
from sparring.policy.base import Prompt
from sparring.runs.lines import clean
from sparring.runs.reader import step_file
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import PrefetchingRunner
from sparring.schema import Response, Role
from sparring.training.rollouts.batch import RolloutBatch
from sparring.training.rollouts.context import RolloutContext
from sparring.training.rollouts.responses import journal_file
from sparring.training.state.journal import other_prompts_message
from sparring.training.weights.players import Player


class OnlineRollouts:
    """Groups sampled from the context's policies."""

    def __init__(self, context: RolloutContext, pass_rates: Mapping[str, float]) -> None:
        """``pass_rates`` (by task id, for the curriculum) are read when a step starts."""
        self.context = context
        self.run = context.run
        self.pass_rates = pass_rates

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """See `Rollouts.results`. Raises `RunError` when more executions fail for reasons of our
        own than ``sandbox.max_infra_share`` allows."""
        name = step_file("rollouts", step)
        if self.run.has(name):
            self.context.phase("reading recorded rollouts")
            with timeline.during(Phase.READING):
                own = self.context.recipe.reward.function is not None
                recorded = results_of_step(self.run, step, details=own)
                self._check_record(name, step, recorded)
            return recorded
        recipe, order, sandbox = self.context.recipe, self.context.order, self.context.sandbox
        before = sandbox.stats.runs_executed
        tasks, results = order.batch(step, self.pass_rates), list[GroupResult]()
        runner = PrefetchingRunner(sandbox, timeline.running)
        last = recipe.sampling.extra_attempts
        for attempt in range(1 + last):
            batch = RolloutBatch(self.context, runner, step, attempt, tasks)
            of_attempt = batch.results()
            results += of_attempt
            if attempt == last:
                break  # no further attempt: which groups have a label no longer matters
            missing = sum(not batch.labelled(r) for r in of_attempt)
            taken = {r.task.id for r in results}
            tasks = order.further(step, taken, missing, self.pass_rates)
            if not tasks:
                break
        lost = infra_share(results)
        if lost > recipe.sandbox.max_infra_share:
            raise RunError(
                f"step {step}: {lost:.0%} of the executions failed for reasons of our own; check "
                "the machine's memory and processes, then --resume"
            )
        with timeline.during(Phase.JOURNALLING):
            self.run.write_packed(step_file("usage", step), [usage_record(r) for r in results])
        timeline.ran(sandbox.stats.runs_executed - before)
        return results

    def keep(self, step: int, scored: Sequence[ScoredGroup]) -> None:
        """See `Rollouts.keep`. Groups already on record are compared instead.

        A reward that differs from the recorded reward raises `RunError`: metrics and weights of
        the run would no longer follow from its records.
        """
        name = step_file("rollouts", step)
        records = [rollout_record(step, s) for s in scored]
        if self.run.has(name):
            if self.run.read_packed(name) != clean(records):
                raise RunError(
                    f"{self.run.path}: the rewards of step {step} differ from those recorded in "
                    f"{name}: the reward function or the version of sparring has changed; restore "
                    "the old one, or start a new run with --replay"
                )
        else:
            self.run.write_packed(name, records)
        for attempt in range(1 + self.context.recipe.sampling.extra_attempts):
            for player in Player:
                self.run.remove(journal_file(step, attempt, player))
        self.context.policies.rest()

    def settle(self) -> None:
        """Return at once: nothing is in progress between steps."""

    def _check_record(self, name: str, step: int, recorded: Sequence[GroupResult]) -> None:
        """Check that recorded groups answer this step's batch, and groups of further attempts at
        least tasks of the run."""
        order = self.context.order
        batch, by_id = order.batch(step, self.pass_rates), {t.id: t for t in order.tasks}
        ids = [r.task.id for r in recorded]
        if ids[: len(batch)] != [t.id for t in batch] or any(i not in by_id for i in ids):
            raise RunError(other_prompts_message(self.run, name))
        sampling = self.context.recipe.sampling
        for role, groups, count in (
            (Role.CODER, [r.coder for r in recorded], sampling.programs),
            (Role.TESTER, [r.tester for r in recorded], sampling.tests),
        ):
            asked = [
                (i, g) for i, g in zip(ids, groups, strict=True) if len(g) or role is Role.CODER
            ]
            prompts = self.context.prompts.of_step(step, [by_id[i] for i, _ in asked], role)
            self._check_own(name, prompts, [g for _, g in asked], count)

    def _check_own(
        self, name: str, prompts: Sequence[Prompt], groups: Sequence[Sequence[Response]], count: int
    ) -> None:
        """Check that recorded responses answer these prompts, ``count`` responses to each."""
        wanted = [[(p.task_id, p.token_ids)] * count for p in prompts]
        if [[(r.task_id, r.prompt_ids) for r in group] for group in groups] != wanted:
            raise RunError(other_prompts_message(self.run, name))
