"""One round of a step: responses to some tasks asked for, read and run as they come, graded when
whole.

A response is read once, when it arrives. While responses are still being sampled
the programs that are there run on ground-truth tests already; a task's generated
inputs follow when its group is whole, and then a thread of its own grades it.
That changes when things happen and nothing else: an outcome is a function of
program and input, and a group's result of its responses. Under supervision
programs begin on the supervising tests alone, and all groups are graded at the
end, so that nothing of ground truth can have been in a program's company before.

How responses are asked for, and that each is on disk, is `asking`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.grade import grade
from sparring.grading.group import GroupResult, ReadGroup, label_free
from sparring.grading.limits import limits
from sparring.grading.reading import read_program, read_test
from sparring.grading.supervised import rewarded, supervise
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.runs.timeline import Phase
from sparring.sandbox import Limits, PrefetchingRunner
from sparring.schema import Response, Role, Task, Test
from sparring.training.asking import Table, Wanted, ask
from sparring.training.players import Player


@dataclass(frozen=True, slots=True)
class _First:
    """What the programs of a task begin with: tests for its own ones and for opponents', and the
    limits of the bout that is judged by these tests."""

    own: tuple[Test, ...]
    others: tuple[Test, ...]
    limits: Limits


class Round:
    """The bouts of ``tasks`` in round ``turn`` of a step."""

    def __init__(
        self, table: Table, runner: PrefetchingRunner, step: int, turn: int, tasks: Sequence[Task]
    ) -> None:
        self.table = table
        self.runner = runner
        self.step = step
        self.turn = turn
        self.tasks = tasks
        self._groups: dict[Player, dict[int, list[Response]]] = {p: {} for p in Player}
        """Of each player, the responses to the tasks (by number) for which all are there."""
        self._programs: dict[tuple[Player, int, int], ParsedProgram] = {}
        """What was read in the response of a player to a task, by its index."""
        self._tests: dict[tuple[int, int], ParsedTest] = {}
        self._written: list[list[ParsedTest]] = []
        """The supervising tests of each task."""

    def bouts(self) -> list[GroupResult]:
        """All of them, graded. Where ``sampling.skip_unlabelled`` says so, tests are asked for
        after the programs have run, and only where they can have a label."""
        every = range(len(self.tasks))
        self._begin_known()
        first = self._first_tests()
        with ThreadPoolExecutor(1, "judge") as judges:
            found: dict[int, Future[list[GroupResult]]] = {}
            results: dict[int, GroupResult] = {}

            def whole(i: int) -> None:
                if self.table.written is None:
                    found[i] = judges.submit(self._graded, [i])

            try:
                self.table.phase("sampling")
                programs = self._programs_wanted(first, whole)
                if self.table.ring.recipe.sampling.skip_unlabelled:
                    self._ask(programs, later=(Player.TESTER,))
                    untested = self._graded(every)
                    asked = [i for i in every if self.labelled(untested[i])]
                    results = {i: untested[i] for i in every if i not in asked}
                    self.table.phase("sampling")
                    self._ask([self._tests_wanted(asked, whole)] if asked else [])
                else:
                    asked = [*every]
                    self._ask([*programs, self._tests_wanted(asked, whole)])
                if self.table.written:
                    results |= zip(asked, self._graded(asked), strict=True)
                else:
                    self.table.phase("running programs")
                    with self.table.progress.timeline.during(Phase.WAITING):
                        results |= {i: found[i].result()[0] for i in asked}
                return [results[i] for i in every]
            finally:
                judges.shutdown(cancel_futures=True)

    def labelled(self, judged: GroupResult) -> bool:
        """Whether a test of this task could have a label: some program is correct."""
        basis, _ = rewarded(judged, self.table.ring.recipe.supervision.filter)
        if basis is None:
            return False
        own = basis.matrix.correct_P.any()
        return bool(own or (basis.pool is not None and basis.pool.correct_P.any()))

    def _ask(self, wanted: Sequence[Wanted], later: Collection[Player] = ()) -> None:
        ask(self.table, self.step, self.turn, wanted, later)

    def _programs_wanted(
        self, first: Sequence[_First], whole: Callable[[int], None]
    ) -> list[Wanted]:
        """What coder and opponents are asked for. Their programs begin as they come."""
        ring = self.table.ring
        coder = Wanted(
            Player.CODER,
            ring.prompts(self.tasks, Role.CODER, self.step),
            ring.recipe.sampling.programs,
            each=lambda i, r: self._read_program(Player.CODER, i, r, first[i].own, first[i].limits),
            group=lambda i, rs: self._came(Player.CODER, i, rs, whole),
        )
        if not ring.recipe.opponents:
            return [coder]
        opponents = Wanted(
            Player.OPPONENTS,
            ring.opponents_prompts(self.tasks, self.step),
            ring.recipe.opponents,
            each=lambda i, r: self._read_program(
                Player.OPPONENTS, i, r, first[i].others, first[i].limits
            ),
            group=lambda i, rs: self._came(Player.OPPONENTS, i, rs, whole),
        )
        return [coder, opponents]

    def _tests_wanted(self, asked: Sequence[int], whole: Callable[[int], None]) -> Wanted:
        """What the tester is asked for: tests of the tasks ``asked``."""
        ring = self.table.ring
        return Wanted(
            Player.TESTER,
            ring.prompts([self.tasks[i] for i in asked], Role.TESTER, self.step),
            ring.recipe.sampling.tests,
            each=lambda k, r: self._read_test(asked[k], r),
            group=lambda k, rs: self._came(Player.TESTER, asked[k], rs, whole),
        )

    def _came(
        self, player: Player, i: int, responses: list[Response], whole: Callable[[int], None]
    ) -> None:
        """All of a player's responses to task ``i`` are there: programs run on generated inputs as
        far as both are, and the group is graded when it is ``whole``."""
        groups = self._groups
        groups[player][i] = responses
        if i in groups[Player.TESTER]:
            who = (Player.CODER, Player.OPPONENTS) if player is Player.TESTER else (player,)
            programs = [p for one in who for p in self._programs_of(one, i)]
            self._begin_generated(i, programs, of_task=player is Player.TESTER)
        players = {*Player} - (set() if self.table.ring.recipe.opponents else {Player.OPPONENTS})
        if all(i in groups[p] for p in players):
            whole(i)

    def _first_tests(self) -> list[_First]:
        """For each task the tests that its programs can begin with."""
        general = self.table.ring.limits
        if (written := self.table.written) is None:
            return [_First(t.ground_truth, t.tests, limits(t, general)) for t in self.tasks]
        think = written.supervisor.reading
        lane = f"{self.table.lane}supervisor"
        with self.table.progress.timeline.during(Phase.SAMPLING, lane):
            groups = written.responses(self.tasks)
        first = []
        for task, group in zip(self.tasks, groups, strict=True):
            self._written.append([read_test(task, r, think) for r in group])
            # As `supervise` grades: not even a limit may tell of ground truth.
            blind = label_free(task, self._written[-1])
            first.append(_First(blind.tests, blind.tests, limits(blind, general)))
        return first

    def _begin_known(self) -> None:
        """Reference solutions on ground-truth tests, which are known before anything is asked."""
        if self.table.written is None:
            for i, task in enumerate(self.tasks):
                limit = limits(task, self.table.ring.limits)
                self._run(i, task.solutions[:1], task.ground_truth, limit, of_task=True)

    def _read_program(
        self, player: Player, i: int, response: Response, tests: tuple[Test, ...], limit: Limits
    ) -> None:
        """Read a program that has come, and have it run on these tests."""
        found = read_program(self.tasks[i], response, self.table.ring.reading[Role.CODER])
        self._programs[player, i, response.index] = found
        self._run(i, [found.source], tests, limit, of_task=False)

    def _read_test(self, i: int, response: Response) -> None:
        """Read a test that has come. It is run when all of its task are there."""
        found = read_test(self.tasks[i], response, self.table.ring.reading[Role.TESTER])
        self._tests[i, response.index] = found

    def _programs_of(self, player: Player, i: int) -> list[ParsedProgram]:
        """What was read in a player's responses to task ``i``, once all of them are there."""
        return [self._programs[player, i, r.index] for r in self._groups[player].get(i, ())]

    def _tests_of(self, i: int) -> list[ParsedTest]:
        """The same of the tester's."""
        return [self._tests[i, r.index] for r in self._groups[Player.TESTER].get(i, ())]

    def _run(
        self,
        i: int,
        sources: Sequence[str | None],
        tests: tuple[Test, ...],
        limit: Limits,
        *,
        of_task: bool,
    ) -> None:
        """Have these programs run on tests of task ``i``, as its bout will ask for it."""
        self.runner.prefetch(
            job
            for source in sources
            if source is not None
            for job in columns.jobs(Ask(self.tasks[i], source, tests, limit, of_task=of_task))
        )

    def _begin_generated(self, i: int, programs: Sequence[ParsedProgram], *, of_task: bool) -> None:
        """Have programs run on the inputs of task ``i``'s tests, with ``of_task`` its own too."""
        task = self.tasks[i]
        tests = tuple(p.test for p in self._tests_of(i) if p.test)
        limit = limits(task, self.table.ring.limits)
        self._run(i, [p.source for p in programs], tests, limit, of_task=False)
        if of_task:
            validator = [task.validator] if task.validator else []
            self._run(i, [*task.solutions[:1], *validator], tests, limit, of_task=True)

    def _group(self, i: int) -> ReadGroup:
        """The responses to task ``i`` that have come, as they were read."""
        coder, tester, opponents = (
            self._groups[p].get(i, []) for p in (Player.CODER, Player.TESTER, Player.OPPONENTS)
        )
        programs, pool = (self._programs_of(p, i) for p in (Player.CODER, Player.OPPONENTS))
        return ReadGroup(
            self.tasks[i], coder, programs, tester, self._tests_of(i), pool or None, opponents
        )

    def _graded(self, numbers: Sequence[int]) -> list[GroupResult]:
        """The groups of the tasks of these ``numbers``, with the responses that have come.

        Under supervision all of them are graded by its tests first, so that nothing of ground truth
        can have been in a program's company.
        """
        limit = self.table.ring.limits
        groups = [self._group(i) for i in numbers]
        with self.table.progress.timeline.during(Phase.JUDGING, f"{self.table.lane}judging"):
            if not self._written:
                return [grade(self.runner, group, limit) for group in groups]
            written = [self._written[i] for i in numbers]
            supervision = supervise(self.runner, groups, written, limit)
            return [
                replace(grade(self.runner, group, limit), supervision=s)
                for group, s in zip(groups, supervision, strict=True)
            ]
