"""A rollout batch: the responses to some tasks are sampled, run and graded.

Programs that have arrived run while other responses are still being sampled (`arrivals`). A
separate thread grades each group as soon as all its responses have arrived. With pseudo-labels all
groups are graded at the end. `responses` makes the calls of the sampler and writes each response
to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from sparring.grading.grade import grade
from sparring.grading.group import GroupResult
from sparring.grading.pseudo_labels import grade_by_pseudo_labels, rewarded_group
from sparring.policy.base import Prompt
from sparring.runs.timeline import Phase
from sparring.sandbox import PrefetchingRunner
from sparring.schema import Role, Task
from sparring.training.rollouts.arrivals import Arrivals
from sparring.training.rollouts.context import RolloutContext
from sparring.training.rollouts.responses import BatchRequest, ask
from sparring.training.weights.players import Player


class RolloutBatch:
    """Groups of ``tasks`` in one ``attempt`` of a step."""

    def __init__(
        self,
        context: RolloutContext,
        runner: PrefetchingRunner,
        step: int,
        attempt: int,
        tasks: Sequence[Task],
    ) -> None:
        self.context = context
        self.runner = runner
        self.step = step
        self.attempt = attempt
        self.tasks = tasks
        self._arrivals = Arrivals(context, runner, tasks)

    def results(self) -> list[GroupResult]:
        """Sample and grade the groups of all tasks, in the order of the tasks.

        With ``sampling.skip_unlabelled`` tests are sampled after the programs have run, and only
        for tasks where a test can have a label.
        """
        context, every, name = self.context, range(len(self.tasks)), (self.step, self.attempt)
        self._arrivals.start()
        with ThreadPoolExecutor(1, "grading") as graders:
            pending: dict[int, Future[list[GroupResult]]] = {}
            results: dict[int, GroupResult] = {}

            def complete(i: int) -> None:
                if context.pseudo_labels is None:
                    pending[i] = graders.submit(self._grade, [i])

            try:
                programs = self._program_requests(complete)
                if context.recipe.sampling.skip_unlabelled:
                    ask(context, *name, programs, later=(Player.TESTER,))
                    untested = self._grade(every)
                    asked = [i for i in every if self.labelled(untested[i])]
                    results = {i: untested[i] for i in every if i not in asked}
                    ask(context, *name, [self._test_request(asked, complete)] if asked else [])
                else:
                    asked = [*every]
                    ask(context, *name, [*programs, self._test_request(asked, complete)])
                if context.pseudo_labels:
                    results |= zip(asked, self._grade(asked), strict=True)
                else:
                    context.phase("running programs", len(asked), "tasks")
                    with context.timeline.during(Phase.WAITING):
                        for i in asked:
                            results[i] = pending[i].result()[0]
                            context.advance()
                return [results[i] for i in every]
            finally:
                graders.shutdown(cancel_futures=True)

    def labelled(self, result: GroupResult) -> bool:
        """Return True if a test of this group could have a label: some program is correct."""
        rewarded_on, _ = rewarded_group(result, self.context.recipe.pseudo_labels.filter)
        if rewarded_on is None:
            return False
        own = rewarded_on.matrix.correct_P.any()
        return bool(own or (rewarded_on.pool is not None and rewarded_on.pool.correct_P.any()))

    def _program_requests(self, complete: Callable[[int], None]) -> list[BatchRequest]:
        """Return the requests for programs, of the current and of the initial policy. Each program
        starts to run when its response arrives."""
        prompts, recipe = self.context.prompts, self.context.recipe

        def request(player: Player, asked: Sequence[Prompt], count: int) -> BatchRequest:
            return BatchRequest(
                player,
                asked,
                count,
                each=lambda i, r: self._arrivals.program(player, i, r),
                group=lambda i, rs: self._arrivals.group_arrived(player, i, rs, complete),
            )

        own = prompts.of_step(self.step, self.tasks, Role.CODER)
        coder = request(Player.CODER, own, recipe.sampling.programs)
        if not recipe.initial_policy_programs:
            return [coder]
        theirs = prompts.of_initial_policy(self.step, self.tasks)
        return [coder, request(Player.INITIAL_POLICY, theirs, recipe.initial_policy_programs)]

    def _test_request(self, asked: Sequence[int], complete: Callable[[int], None]) -> BatchRequest:
        """Return the request for tests of the tasks whose indices are ``asked``."""
        arrivals = self._arrivals
        return BatchRequest(
            Player.TESTER,
            self.context.prompts.of_step(self.step, [self.tasks[i] for i in asked], Role.TESTER),
            self.context.recipe.sampling.tests,
            each=lambda k, r: arrivals.test(asked[k], r),
            group=lambda k, rs: arrivals.group_arrived(Player.TESTER, asked[k], rs, complete),
        )

    def _grade(self, numbers: Sequence[int]) -> list[GroupResult]:
        """Grade the groups of the tasks with these indices, from the responses that have arrived.

        With pseudo-labels all groups are first graded by the frozen tester's tests, so that no
        program has run beside a ground-truth input by then.
        """
        limit, pseudo_label_tests = self.context.limits, self._arrivals.pseudo_label_tests
        groups = [self._arrivals.group(i) for i in numbers]
        with self.context.timeline.during(Phase.JUDGING, f"{self.context.lane}judging"):
            if not pseudo_label_tests:
                return [grade(self.runner, group, limit) for group in groups]
            by = grade_by_pseudo_labels(
                self.runner, groups, [pseudo_label_tests[i] for i in numbers], limit
            )
            return [
                replace(grade(self.runner, group, limit), pseudo_labels=s)
                for group, s in zip(groups, by, strict=True)
            ]
