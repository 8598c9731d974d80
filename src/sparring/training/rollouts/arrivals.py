"""Arrival of responses: each response is read once, and its program starts to run at once.

A program runs on ground-truth tests as soon as its response has arrived, and on generated inputs
as soon as all tests of the task have arrived. Early starts change only the order of the work: an
outcome is a function of program and input.

With pseudo-labels a program first runs on the frozen tester's tests alone, so that no process has
seen a ground-truth input by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparring.grading import test_jobs
from sparring.grading.group import ReadGroup, label_free_task
from sparring.grading.limits import limits
from sparring.grading.reading import read_program, read_test
from sparring.grading.test_jobs import ExecutionRequest
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.runs.timeline import Phase
from sparring.sandbox import Limits, PrefetchingRunner
from sparring.schema import Response, Role, Task, Test
from sparring.training.rollouts.context import RolloutContext
from sparring.training.weights.players import Player


@dataclass(frozen=True, slots=True)
class FirstTests:
    """Tests on which the programs of a task run first."""

    own: tuple[Test, ...]
    """Tests for the programs of the current policy."""
    others: tuple[Test, ...]
    """Tests for initial-policy programs."""
    limits: Limits
    """Limits of the group that is graded by these tests."""


class Arrivals:
    """Responses to ``tasks`` that have arrived so far. A task is named by its index."""

    def __init__(
        self, context: RolloutContext, runner: PrefetchingRunner, tasks: Sequence[Task]
    ) -> None:
        self.context = context
        self.runner = runner
        self.tasks = tasks
        self.pseudo_label_tests: list[list[ParsedTest]] = []
        """Pseudo-labelled tests of each task; empty where the reward uses ground truth."""
        self._first: list[FirstTests] = []
        self._responses: dict[Player, dict[int, list[Response]]] = {p: {} for p in Player}
        """All responses of each player, by task, for the tasks where all have arrived."""
        self._programs: dict[tuple[Player, int, int], ParsedProgram] = {}
        """Program read from a response, by player, task and the response's index."""
        self._tests: dict[tuple[int, int], ParsedTest] = {}

    def start(self) -> None:
        """Start the work that needs no response: fetch pseudo-labels, or without pseudo-labels run
        the reference solutions on ground-truth tests."""
        if self.context.pseudo_labels is None:
            for i, task in enumerate(self.tasks):
                limit = limits(task, self.context.limits)
                self._run(i, task.solutions[:1], task.ground_truth, limit, of_task=True)
        self._first = self.first_tests()

    def first_tests(self) -> list[FirstTests]:
        """Return, for each task, the tests on which its programs can run first."""
        general = self.context.limits
        if (labels := self.context.pseudo_labels) is None:
            return [FirstTests(t.ground_truth, t.tests, limits(t, general)) for t in self.tasks]
        lane = f"{self.context.lane}frozen tester"
        self.context.phase("sampling pseudo-labels")
        with self.context.timeline.during(Phase.SAMPLING, lane):
            groups = labels.responses(self.tasks)
        first = []
        for task, group in zip(self.tasks, groups, strict=True):
            self.pseudo_label_tests.append(
                [read_test(task, r, labels.frozen_tester.reading) for r in group]
            )
            # Limits as in `grade_by_pseudo_labels`: ground truth must not even set a limit.
            blind = label_free_task(task, self.pseudo_label_tests[-1])
            first.append(FirstTests(blind.tests, blind.tests, limits(blind, general)))
        return first

    def program(self, player: Player, i: int, response: Response) -> None:
        """Read the program in a response, and have the program run on its first tests."""
        reading = self.context.prompts.reading[Role.CODER]
        program = read_program(self.tasks[i], response, reading)
        self._programs[player, i, response.index] = program
        first = self._first[i]
        tests = first.own if player is Player.CODER else first.others
        self._run(i, [program.source], tests, first.limits, of_task=False)

    def test(self, i: int, response: Response) -> None:
        """Read the test in a response. The test is run once all tests of its task have arrived."""
        reading = self.context.prompts.reading[Role.TESTER]
        self._tests[i, response.index] = read_test(self.tasks[i], response, reading)

    def group_arrived(
        self, player: Player, i: int, responses: list[Response], complete: Callable[[int], None]
    ) -> None:
        """Store all of a player's responses to task ``i``, and start executions that are now
        possible: programs on generated inputs, as far as both have arrived. Calls ``complete(i)``
        when the responses of all players to task ``i`` have arrived."""
        arrived = self._responses
        arrived[player][i] = responses
        if i in arrived[Player.TESTER]:
            coders = (Player.CODER, Player.INITIAL_POLICY) if player is Player.TESTER else (player,)
            programs = [p for coder in coders for p in self._programs_of(coder, i)]
            self._start_generated(i, programs, of_task=player is Player.TESTER)
        players = {*Player} - (
            set() if self.context.recipe.initial_policy_programs else {Player.INITIAL_POLICY}
        )
        if all(i in arrived[p] for p in players):
            complete(i)

    def group(self, i: int) -> ReadGroup:
        """Return the responses to task ``i`` that have arrived, with the programs and tests that
        were read from the responses."""
        coder, tester, initial_policy_programs = (
            self._responses[p].get(i, [])
            for p in (Player.CODER, Player.TESTER, Player.INITIAL_POLICY)
        )
        programs, pool = (self._programs_of(p, i) for p in (Player.CODER, Player.INITIAL_POLICY))
        return ReadGroup(
            self.tasks[i],
            coder,
            programs,
            tester,
            self._tests_of(i),
            pool or None,
            initial_policy_programs,
        )

    def _start_generated(self, i: int, programs: Sequence[ParsedProgram], *, of_task: bool) -> None:
        """Have programs run on the inputs of the generated tests of task ``i``; with ``of_task``
        the task's reference solution and validator too."""
        task = self.tasks[i]
        tests = tuple(p.test for p in self._tests_of(i) if p.test)
        limit = limits(task, self.context.limits)
        self._run(i, [p.source for p in programs], tests, limit, of_task=False)
        if of_task:
            validator = [task.validator] if task.validator else []
            self._run(i, [*task.solutions[:1], *validator], tests, limit, of_task=True)

    def _run(
        self,
        i: int,
        sources: Sequence[str | None],
        tests: tuple[Test, ...],
        limit: Limits,
        *,
        of_task: bool,
    ) -> None:
        """Have programs run on tests of task ``i`` by the same jobs that grading will request."""
        self.runner.prefetch(
            job
            for source in sources
            if source is not None
            for job in test_jobs.jobs(
                ExecutionRequest(self.tasks[i], source, tests, limit, of_task=of_task)
            )
        )

    def _programs_of(self, player: Player, i: int) -> list[ParsedProgram]:
        """Return the programs read from a player's responses to task ``i``, once all arrived."""
        return [self._programs[player, i, r.index] for r in self._responses[player].get(i, ())]

    def _tests_of(self, i: int) -> list[ParsedTest]:
        """Return the tests read from the tester's responses to task ``i``, once all arrived."""
        return [self._tests[i, r.index] for r in self._responses[Player.TESTER].get(i, ())]
