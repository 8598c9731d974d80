"""One round of a step: responses to some tasks asked for, run as they come, judged when whole.

While testers' responses are still being sampled the programs run on
ground-truth tests already; a task's generated inputs follow when its group is
whole, and then a thread of its own judges it. That changes when things happen
and nothing else: an outcome is a function of program and input, and a bout of
its responses. Under supervision programs begin on the supervising tests alone,
and all bouts are judged at the end, so that nothing of ground truth can have
been in a program's company before.

Responses are in a journal before they are given back. A sampler that repeats
itself (`Cast.repeatable`) is asked for batches by calls of their own, so that a
step that was cut off asks for what is left with the very calls of one that was
not, rounding included; another is asked once, and then for what is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from sparring.pipelines import columns
from sparring.pipelines.bout import Judged, Supervision, judge
from sparring.pipelines.columns import Ask
from sparring.pipelines.early import Early
from sparring.pipelines.limits import limits
from sparring.pipelines.reading import read_program, read_test
from sparring.pipelines.supervised import label_free, rewarded, supervise
from sparring.prompts.parse import ParsedProgram, Reading
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.runs.timeline import Phase
from sparring.sampling.base import Prompt
from sparring.sandbox import Limits
from sparring.schema import Response, Role, Task, Test
from sparring.training.cast import Cast
from sparring.training.journal import Journal
from sparring.training.ring import Ring
from sparring.training.supervision import Written

PLAYERS = ("coder", "opponents", "tester")


def journal_file(step: int, turn: int, player: str) -> str:
    """Where a player's responses of a round are while its step is being made."""
    return f"journal/step-{step:05d}.{player}{turn or ''}.jsonl"


class Left(Exception):
    """Nobody waits for this round any more."""


@dataclass(frozen=True, slots=True)
class _First:
    """What the programs of a task begin with: tests for its own ones and for opponents', and the
    limits of the bout that is judged by these tests."""

    own: tuple[Test, ...]
    others: tuple[Test, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Table:
    """What the rounds of a run have in common. ``lane`` names them in the timeline, where they are
    made beside other things; once ``left`` is set, they end with the next response."""

    ring: Ring
    run: RunDir
    progress: Progress
    sampler: Cast
    written: Written | None
    lane: str = ""
    left: threading.Event = field(default_factory=threading.Event)

    def phase(self, name: str) -> None:
        """Tell the user, unless something else is going on before his eyes."""
        if not self.lane:
            self.progress.phase(name)


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
        self._coder: list[list[Response]] = [[] for _ in tasks]
        self._others: list[list[Response]] = [[] for _ in tasks]

    def bouts(self) -> list[Judged]:
        """All of them, judged. Where ``sampling.skip_unlabelled`` says so, tests are asked for
        after the programs have run, and only where they can have a label."""
        ring, sampling = self.table.ring, self.table.ring.recipe.sampling
        self._begin_known()
        first = self._first_tests()
        self.table.phase("sampling")
        self._coder = self._asked(
            "coder",
            ring.prompts(self.tasks, Role.CODER, self.step),
            sampling.programs,
            each=lambda i, r: self._begin(i, [r], first[i].own, first[i].limits),
        )
        if ring.recipe.opponents:
            self._others = self._asked(
                "opponents",
                ring.opponents_prompts(self.tasks, self.step),
                ring.recipe.opponents,
                each=lambda i, r: self._begin(i, [r], first[i].others, first[i].limits),
            )
        asked = list(range(len(self.tasks)))
        if sampling.skip_unlabelled:
            untested = self._judged(asked, [()] * len(self.tasks))
            asked = [i for i in asked if self.labelled(untested[i])]
            self.table.phase("sampling")
        if self.table.written:
            tester = self._tester(asked, lambda i, responses: None)
            return self._judged(range(len(self.tasks)), tester)
        found: dict[int, Future[list[Judged]]] = {}
        with ThreadPoolExecutor(1, "judge") as judges:

            def whole(i: int, responses: Sequence[Response]) -> None:
                found[i] = judges.submit(self._judged, [i], [responses])

            try:
                for i in {*range(len(self.tasks))} - {*asked}:
                    whole(i, ())
                self._tester(asked, whole)
                self.table.phase("running programs")
                with self.table.progress.timeline.during(Phase.WAITING):
                    return [found[i].result()[0] for i in range(len(self.tasks))]
            finally:
                judges.shutdown(cancel_futures=True)

    def labelled(self, judged: Judged) -> bool:
        """Whether a test of this task could have a label: some program is correct."""
        basis, _ = rewarded(judged, self.table.ring.recipe.supervision.filter)
        if basis is None:
            return False
        own = basis.matrix.correct_P.any()
        return bool(own or (basis.pool is not None and basis.pool.correct_P.any()))

    def _tester(
        self, asked: Sequence[int], whole: Callable[[int, Sequence[Response]], None]
    ) -> list[list[Response]]:
        """The tests of the tasks ``asked``, nothing for the others; programs begin to run on a
        group's inputs when it is ``whole``."""
        ring = self.table.ring
        tester: list[list[Response]] = [[] for _ in self.tasks]

        def group(k: int, responses: list[Response]) -> None:
            i = asked[k]
            tester[i] = responses
            self._begin_generated(i, responses)
            whole(i, responses)

        if asked:
            chosen = [self.tasks[i] for i in asked]
            prompts = ring.prompts(chosen, Role.TESTER, self.step)
            self._asked("tester", prompts, ring.recipe.sampling.tests, group=group)
        return tester

    def _asked(
        self,
        player: str,
        prompts: Sequence[Prompt],
        count: int,
        each: Callable[[int, Response], None] = lambda i, r: None,
        group: Callable[[int, list[Response]], None] = lambda i, rs: None,
    ) -> list[list[Response]]:
        """On record or sampled now, and on disk. ``each`` hears of every response, ``group`` of
        every prompt whose responses are all there."""
        table, timeline = self.table, self.table.progress.timeline
        ask = table.sampler.opponents if player == "opponents" else table.sampler.sample
        role = Role.TESTER if player == "tester" else Role.CODER
        name = journal_file(self.step, self.turn, player)
        journal = Journal(table.run, name, role, prompts, count, timeline)
        for i in range(len(prompts)):
            for response in journal.known(i):
                each(i, response)
            if journal.whole(i):
                group(i, journal.known(i))

        def take(i: int, response: Response) -> None:
            if table.left.is_set():
                journal.write()
                raise Left
            if journal.take(i, response):
                each(i, response)
                if journal.whole(i):
                    group(i, journal.known(i))

        for part in self._parts(journal, prompts, count):

            def arrived(k: int, response: Response, part: list[int] = part) -> None:
                take(part[k], response)

            if table.sampler.served and player != "opponents":
                with timeline.during(Phase.SYNCING, f"{table.lane}{player}"):
                    table.sampler.ready(role)
            with timeline.during(Phase.SAMPLING, f"{table.lane}{player}"):
                ask([prompts[i] for i in part], count, arrived)
        return journal.responses()

    def _parts(
        self, journal: Journal, prompts: Sequence[Prompt], count: int
    ) -> Iterator[list[int]]:
        """The prompts of every call of the sampler that is still to be made."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].token_ids))
        size = max(1, self.table.sampler.max_rows // count)
        if not self.table.sampler.repeatable:
            order = [i for i in order if not journal.whole(i)]
            size = max(1, len(order))
        for start in range(0, len(order), size):
            part = order[start : start + size]
            if not all(journal.whole(i) for i in part):
                yield part

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

    def _begin_generated(self, i: int, tester: Sequence[Response]) -> None:
        tests = self._tests(i, tester, self.table.ring.reading[Role.TESTER])
        task = self.tasks[i]
        limit = limits(task, self.table.ring.limits)
        sources = [p.source for p in self._programs(i, [*self._coder[i], *self._others[i]])]
        self._run(i, sources, tests, limit, of_task=False)
        validator = [task.validator] if task.validator else []
        self._run(i, [*task.solutions[:1], *validator], tests, limit, of_task=True)

    def _tests(self, i: int, tester: Sequence[Response], reading: Reading) -> tuple[Test, ...]:
        """The tests that can be read in these responses to task ``i``."""
        read = [read_test(self.tasks[i], r, reading).test for r in tester]
        return tuple(t for t in read if t)

    def _programs(self, i: int, responses: Sequence[Response]) -> list[ParsedProgram]:
        """The programs in these responses to task ``i``."""
        reading = self.table.ring.reading[Role.CODER]
        return [read_program(self.tasks[i], r, reading) for r in responses]

    def _judged(self, numbers: Sequence[int], tester: Sequence[Sequence[Response]]) -> list[Judged]:
        """The bouts of the tasks of these ``numbers``, with these responses of the tester."""
        ring = self.table.ring
        tasks = [self.tasks[i] for i in numbers]
        coder = [self._coder[i] for i in numbers]
        others = [self._others[i] for i in numbers]
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
