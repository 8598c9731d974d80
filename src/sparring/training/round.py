"""One round of a step: responses to some tasks asked for, run as they come, judged when whole.

While responses are still being sampled the programs that are there run on
ground-truth tests already; a task's generated inputs follow when its group is
whole, and then a thread of its own judges it. That changes when things happen
and nothing else: an outcome is a function of program and input, and a bout of
its responses. Under supervision programs begin on the supervising tests alone,
and all bouts are judged at the end, so that nothing of ground truth can have
been in a program's company before.

How responses are asked for, and that each is on disk, is `asking`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from sparring.grading import columns
from sparring.grading.bout import Judged, Supervision, judge
from sparring.grading.columns import Ask
from sparring.grading.early import Early
from sparring.grading.limits import limits
from sparring.grading.reading import read_program, read_test
from sparring.grading.supervised import label_free, rewarded, supervise
from sparring.prompts.parse import ParsedProgram
from sparring.runs.timeline import Phase
from sparring.sandbox import Limits
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
        self, table: Table, early: Early, step: int, turn: int, tasks: Sequence[Task]
    ) -> None:
        self.table = table
        self.early = early
        self.step = step
        self.turn = turn
        self.tasks = tasks
        self._groups: dict[Player, dict[int, list[Response]]] = {p: {} for p in Player}
        """Of each player, the responses to the tasks (by number) for which all are there."""

    def bouts(self) -> list[Judged]:
        """All of them, judged. Where ``sampling.skip_unlabelled`` says so, tests are asked for
        after the programs have run, and only where they can have a label."""
        every = range(len(self.tasks))
        self._begin_known()
        first = self._first_tests()
        with ThreadPoolExecutor(1, "judge") as judges:
            found: dict[int, Future[list[Judged]]] = {}

            def whole(i: int) -> None:
                if self.table.written is None:
                    found[i] = judges.submit(self._judged, [i])

            try:
                self.table.phase("sampling")
                programs = self._programs_wanted(first, whole)
                if self.table.ring.recipe.sampling.skip_unlabelled:
                    self._ask(programs, later=(Player.TESTER,))
                    untested = self._judged(every)
                    asked = [i for i in every if self.labelled(untested[i])]
                    self.table.phase("sampling")
                    for i in {*every} - {*asked}:
                        whole(i)
                    self._ask([self._tests_wanted(asked, whole)] if asked else [])
                else:
                    self._ask([*programs, self._tests_wanted(every, whole)])
                if self.table.written:
                    return self._judged(every)
                self.table.phase("running programs")
                with self.table.progress.timeline.during(Phase.WAITING):
                    return [found[i].result()[0] for i in every]
            finally:
                judges.shutdown(cancel_futures=True)

    def labelled(self, judged: Judged) -> bool:
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
            each=lambda i, r: self._begin(i, [r], first[i].own, first[i].limits),
            group=lambda i, rs: self._came(Player.CODER, i, rs, whole),
        )
        if not ring.recipe.opponents:
            return [coder]
        opponents = Wanted(
            Player.OPPONENTS,
            ring.opponents_prompts(self.tasks, self.step),
            ring.recipe.opponents,
            each=lambda i, r: self._begin(i, [r], first[i].others, first[i].limits),
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
            each=lambda k, r: None,
            group=lambda k, rs: self._came(Player.TESTER, asked[k], rs, whole),
        )

    def _came(
        self, player: Player, i: int, responses: list[Response], whole: Callable[[int], None]
    ) -> None:
        """All of a player's responses to task ``i`` are there: programs run on generated inputs as
        far as both are, and the task is judged when it is ``whole``."""
        groups = self._groups
        groups[player][i] = responses
        if i in groups[Player.TESTER]:
            programs = (Player.CODER, Player.OPPONENTS) if player is Player.TESTER else (player,)
            coder = [r for p in programs for r in groups[p].get(i, ())]
            self._begin_generated(i, coder, of_task=player is Player.TESTER)
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
            # As `supervise` judges: not even a limit may tell of ground truth.
            blind = label_free(task, [read_test(task, r, think) for r in group])
            first.append(_First(blind.tests, blind.tests, limits(blind, general)))
        return first

    def _begin_known(self) -> None:
        """Reference solutions on ground-truth tests, which are known before anything is asked."""
        if self.table.written is None:
            for i, task in enumerate(self.tasks):
                limit = limits(task, self.table.ring.limits)
                self._run(i, task.solutions[:1], task.ground_truth, limit, of_task=True)

    def _begin(
        self, i: int, coder: Sequence[Response], tests: tuple[Test, ...], limit: Limits
    ) -> None:
        sources = [p.source for p in self._programs(i, coder)]
        self._run(i, sources, tests, limit, of_task=False)

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
        self.early.begin(
            job
            for source in sources
            if source is not None
            for job in columns.jobs(Ask(self.tasks[i], source, tests, limit, of_task=of_task))
        )

    def _begin_generated(self, i: int, coder: Sequence[Response], *, of_task: bool) -> None:
        """Have programs run on the inputs of task ``i``'s tests, with ``of_task`` its own too."""
        tests = self._tests(i, self._groups[Player.TESTER][i])
        task = self.tasks[i]
        limit = limits(task, self.table.ring.limits)
        sources = [p.source for p in self._programs(i, coder)]
        self._run(i, sources, tests, limit, of_task=False)
        if of_task:
            validator = [task.validator] if task.validator else []
            self._run(i, [*task.solutions[:1], *validator], tests, limit, of_task=True)

    def _tests(self, i: int, tester: Sequence[Response]) -> tuple[Test, ...]:
        """The tests that can be read in these responses to task ``i``."""
        reading = self.table.ring.reading[Role.TESTER]
        read = [read_test(self.tasks[i], r, reading).test for r in tester]
        return tuple(t for t in read if t)

    def _programs(self, i: int, responses: Sequence[Response]) -> list[ParsedProgram]:
        """The programs in these responses to task ``i``."""
        reading = self.table.ring.reading[Role.CODER]
        return [read_program(self.tasks[i], r, reading) for r in responses]

    def _judged(self, numbers: Sequence[int]) -> list[Judged]:
        """The bouts of the tasks of these ``numbers``, with the responses that have come."""
        ring = self.table.ring
        tasks = [self.tasks[i] for i in numbers]
        coder, others, tester = (
            [self._groups[p].get(i, []) for i in numbers]
            for p in (Player.CODER, Player.OPPONENTS, Player.TESTER)
        )
        with self.table.progress.timeline.during(Phase.JUDGING, f"{self.table.lane}judging"):
            pools = None
            if any(others):
                pools = [self._programs(i, group) for i, group in zip(numbers, others, strict=True)]
            supervision = self._supervision(tasks, coder, tester, pools)
            judged = judge(
                self.early, tasks, coder, tester, ring.limits, pools, reading=ring.reading
            )
            return [
                replace(j, supervision=s, opponents=o)
                for j, s, o in zip(judged, supervision, others, strict=True)
            ]

    def _supervision(
        self,
        tasks: Sequence[Task],
        coder: Sequence[Sequence[Response]],
        tester: Sequence[Sequence[Response]],
        pools: Sequence[Sequence[ParsedProgram]] | None,
    ) -> Sequence[Supervision | None]:
        """The bouts by a supervising tester's tests. Asked for before those by ground truth, so
        that nothing of these can have been in a program's company."""
        if (written := self.table.written) is None:
            return [None] * len(tasks)
        return supervise(
            self.early,
            tasks,
            coder,
            tester,
            written.responses(tasks),
            self.table.ring.limits,
            self.table.ring.reading,
            written.supervisor.reading,
            pools,
        )
