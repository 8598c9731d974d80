"""Responses to the tasks of a batch as they arrive: each read once, its program begun at once.

Programs run on ground-truth tests when their response is there, on generated inputs when their
task's tests are all there. That changes when things happen and nothing else: an outcome is a
function of program and input. Under supervision programs begin on the supervising tests alone, so
that no process has seen a ground-truth input before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.group import ReadGroup, label_free
from sparring.grading.limits import limits
from sparring.grading.reading import read_program, read_test
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.runs.timeline import Phase
from sparring.sandbox import Limits, PrefetchingRunner
from sparring.schema import Response, Role, Task, Test
from sparring.training.rollouts.context import RolloutContext
from sparring.training.weights.players import Player


@dataclass(frozen=True, slots=True)
class FirstTests:
    """What the programs of a task begin with: tests for its own ones and for opponents', and the
    limits of the group that is graded by these tests."""

    own: tuple[Test, ...]
    others: tuple[Test, ...]
    limits: Limits


class Arrivals:
    """What has come of the responses to ``tasks``, which are named by their number."""

    def __init__(
        self, context: RolloutContext, runner: PrefetchingRunner, tasks: Sequence[Task]
    ) -> None:
        self.context = context
        self.runner = runner
        self.tasks = tasks
        self.supervising: list[list[ParsedTest]] = []
        """The supervising tests of each task; empty where ground truth supervises."""
        self._first: list[FirstTests] = []
        self._responses: dict[Player, dict[int, list[Response]]] = {p: {} for p in Player}
        """Of each player, the responses to the tasks for which all are there."""
        self._programs: dict[tuple[Player, int, int], ParsedProgram] = {}
        """What was read in the response of a player to a task, by its index."""
        self._tests: dict[tuple[int, int], ParsedTest] = {}

    def begin(self) -> None:
        """Begin what can be known before anything is asked: supervising tests, and else the
        reference solutions on ground-truth tests."""
        if self.context.pseudo_labels is None:
            for i, task in enumerate(self.tasks):
                limit = limits(task, self.context.limits)
                self._run(i, task.solutions[:1], task.ground_truth, limit, of_task=True)
        self._first = self.first_tests()

    def first_tests(self) -> list[FirstTests]:
        """For each task the tests that its programs can begin with."""
        general = self.context.limits
        if (labels := self.context.pseudo_labels) is None:
            return [FirstTests(t.ground_truth, t.tests, limits(t, general)) for t in self.tasks]
        lane = f"{self.context.lane}supervisor"
        with self.context.timeline.during(Phase.SAMPLING, lane):
            groups = labels.responses(self.tasks)
        first = []
        for task, group in zip(self.tasks, groups, strict=True):
            self.supervising.append([read_test(task, r, labels.supervisor.reading) for r in group])
            # As `supervise` grades: not even a limit may tell of ground truth.
            blind = label_free(task, self.supervising[-1])
            first.append(FirstTests(blind.tests, blind.tests, limits(blind, general)))
        return first

    def program(self, player: Player, i: int, response: Response) -> None:
        """Read a program that has come, and have it run on its first tests."""
        reading = self.context.prompts.reading[Role.CODER]
        program = read_program(self.tasks[i], response, reading)
        self._programs[player, i, response.index] = program
        first = self._first[i]
        tests = first.own if player is Player.CODER else first.others
        self._run(i, [program.source], tests, first.limits, of_task=False)

    def test(self, i: int, response: Response) -> None:
        """Read a test that has come. It is run when all of its task are there."""
        reading = self.context.prompts.reading[Role.TESTER]
        self._tests[i, response.index] = read_test(self.tasks[i], response, reading)

    def all_came(
        self, player: Player, i: int, responses: list[Response], complete: Callable[[int], None]
    ) -> None:
        """All of a player's responses to task ``i`` are there: programs run on generated inputs as
        far as both are, and the group is ``complete`` when all players' are."""
        there = self._responses
        there[player][i] = responses
        if i in there[Player.TESTER]:
            who = (Player.CODER, Player.OPPONENTS) if player is Player.TESTER else (player,)
            programs = [p for one in who for p in self._programs_of(one, i)]
            self._begin_generated(i, programs, of_task=player is Player.TESTER)
        players = {*Player} - (set() if self.context.recipe.opponents else {Player.OPPONENTS})
        if all(i in there[p] for p in players):
            complete(i)

    def group(self, i: int) -> ReadGroup:
        """The responses to task ``i`` that have come, as they were read."""
        coder, tester, opponents = (
            self._responses[p].get(i, []) for p in (Player.CODER, Player.TESTER, Player.OPPONENTS)
        )
        programs, pool = (self._programs_of(p, i) for p in (Player.CODER, Player.OPPONENTS))
        return ReadGroup(
            self.tasks[i], coder, programs, tester, self._tests_of(i), pool or None, opponents
        )

    def _begin_generated(self, i: int, programs: Sequence[ParsedProgram], *, of_task: bool) -> None:
        """Have programs run on the inputs of task ``i``'s tests, with ``of_task`` its own too."""
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
        """Have these programs run on tests of task ``i``, as its grading will ask for it."""
        self.runner.prefetch(
            job
            for source in sources
            if source is not None
            for job in columns.jobs(Ask(self.tasks[i], source, tests, limit, of_task=of_task))
        )

    def _programs_of(self, player: Player, i: int) -> list[ParsedProgram]:
        """What was read in a player's responses to task ``i``, once all of them are there."""
        return [self._programs[player, i, r.index] for r in self._responses[player].get(i, ())]

    def _tests_of(self, i: int) -> list[ParsedTest]:
        """The same of the tester's."""
        return [self._tests[i, r.index] for r in self._responses[Player.TESTER].get(i, ())]
