"""Where a step's judged bouts come from: made now, or recorded earlier.

Live rollouts are journalled as they come: each role's responses, then the
whole bouts (`Live.keep`), each on disk before it is used. What is recorded is
never sampled or run again, whether the run was stopped by Ctrl-C or by a
power cut. A step has the tasks of its batch and, if wanted, others in place of
those whose tests have no label (`sampling.extra_rounds`). A replay takes
another run's record and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from sparring.errors import RunError
from sparring.pipelines.bout import Judged, Supervision, infra_share, judge
from sparring.pipelines.record import (
    Scored,
    judged_from,
    response_from,
    response_record,
    rollout_record,
    usage_record,
)
from sparring.pipelines.supervised import rewarded, supervise
from sparring.prompts.parse import ParsedProgram, parse_program
from sparring.ring import Ring
from sparring.runs.directory import RunDir, clean, step_file, well_formed
from sparring.runs.progress import Clock, Progress
from sparring.sampling.base import Prompt
from sparring.schema import Response, Role, Task
from sparring.supervision import Written


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
        self.written = Written(ring.supervisor, run) if ring.supervisor else None

    def judged(self, step: int, clock: Clock) -> list[Judged]:
        """See `Rollouts.judged`."""
        name = step_file("rollouts", step)
        if self.run.has(name):
            found = [judged_from(r) for r in self.run.read_lines(name)]
            self._check_record(name, step, found)
            clock.lap("reading")
            return found
        before = self.ring.sandbox.stats.runs_executed
        tasks, judged = self.ring.batch(step), list[Judged]()
        for turn in range(1 + self.ring.recipe.sampling.extra_rounds):
            found = self._round(step, turn, tasks, clock)
            judged += found
            missing = sum(not self._labelled(j) for j in found)
            tasks = self.ring.further(step, {j.task.id for j in judged}, missing)
            if not tasks:
                break
        lost = infra_share(judged)
        if lost > self.ring.recipe.sandbox.max_infra_share:
            raise RunError(
                f"step {step}: {lost:.0%} of the runs failed for reasons of our own; look at the "
                "machine (memory, processes), then --resume"
            )
        self.run.write_lines(step_file("usage", step), [usage_record(j) for j in judged])
        clock.runs = self.ring.sandbox.stats.runs_executed - before
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
            for player in _PLAYERS:
                self.run.remove(_journal(step, turn, player))
        self.ring.sampler.rest()

    def _round(self, step: int, turn: int, tasks: Sequence[Task], clock: Clock) -> list[Judged]:
        """The bouts of these tasks. Where ``sampling.skip_unlabelled`` says so, tests are asked
        for after the programs have run, and only where they can have a label."""
        ring, sampling = self.ring, self.ring.recipe.sampling
        self.progress.phase("sampling")
        coder = self._asked(
            _journal(step, turn, "coder"),
            Role.CODER,
            ring.prompts(tasks, Role.CODER, step),
            sampling.programs,
        )
        others: list[list[Response]] = [[] for _ in tasks]
        if sampling.opponents:
            others = self._asked(
                _journal(step, turn, "opponents"),
                None,
                ring.opponents_prompts(tasks, step),
                sampling.opponents,
            )
        if self.written:
            self.written.responses(tasks)
        asked = list(range(len(tasks)))
        if sampling.skip_unlabelled:
            clock.lap("sampling")
            untested = self._judge(tasks, coder, [()] * len(tasks), others, clock)
            asked = [i for i, j in enumerate(untested) if self._labelled(j)]
            self.progress.phase("sampling")
        chosen = [tasks[i] for i in asked]
        tester: list[list[Response]] = [[] for _ in tasks]
        if chosen:
            found = self._asked(
                _journal(step, turn, "tester"),
                Role.TESTER,
                ring.prompts(chosen, Role.TESTER, step),
                sampling.tests,
            )
            for i, responses in zip(asked, found, strict=True):
                tester[i] = responses
        clock.lap("sampling")
        return self._judge(tasks, coder, tester, others, clock)

    def _judge(
        self,
        tasks: Sequence[Task],
        coder: Sequence[Sequence[Response]],
        tester: Sequence[Sequence[Response]],
        others: Sequence[Sequence[Response]],
        clock: Clock,
    ) -> list[Judged]:
        self.progress.phase("running programs")
        think = self.ring.reasoning[Role.CODER]
        pools = None
        if any(others):
            pools = [[parse_program(r.text, r.stop, think) for r in group] for group in others]
        supervision = self._supervision(tasks, coder, tester, pools)
        judged = judge(
            self.ring.sandbox,
            tasks,
            coder,
            tester,
            self.ring.limits,
            pools,
            reasoning=self.ring.reasoning,
        )
        clock.lap("running")
        return [
            replace(j, supervision=s, opponents=o)
            for j, s, o in zip(judged, supervision, others, strict=True)
        ]

    def _labelled(self, judged: Judged) -> bool:
        """Whether a test of this task could have a label: some program is correct."""
        basis, _ = rewarded(judged, self.ring.recipe.supervision.filter)
        if basis is None:
            return False
        own = basis.matrix.correct_P.any()
        return bool(own or (basis.pool is not None and basis.pool.correct_P.any()))

    def _supervision(
        self,
        tasks: Sequence[Task],
        coder: Sequence[Sequence[Response]],
        tester: Sequence[Sequence[Response]],
        pools: Sequence[Sequence[ParsedProgram]] | None,
    ) -> Sequence[Supervision | None]:
        """The bouts by a supervising tester's tests. Asked for before those by ground truth, so
        that nothing of these can have been in a program's company."""
        if self.written is None:
            return [None] * len(tasks)
        return supervise(
            self.ring.sandbox,
            tasks,
            coder,
            tester,
            self.written.responses(tasks),
            self.ring.limits,
            self.ring.reasoning,
            self.written.supervisor.reasoning,
            pools,
        )

    def _asked(
        self, name: str, role: Role | None, prompts: Sequence[Prompt], count: int
    ) -> list[list[Response]]:
        """Sampled and journalled, or read from the journal. Without a role: from opponents."""
        if not self.run.has(name):
            sampler = self.ring.sampler
            found = sampler.sample(prompts, count) if role else sampler.opponents(prompts, count)
            self.run.write_lines(
                name,
                [
                    {"task": p.task_id, "responses": [response_record(r) for r in group]}
                    for p, group in zip(prompts, found, strict=True)
                ],
            )
            return found
        with well_formed(f"{self.run.path}: {name}"):
            found = [
                [
                    response_from(r, g["task"], role or Role.CODER, i)
                    for i, r in enumerate(g["responses"])
                ]
                for g in self.run.read_lines(name)
            ]
        self._check_own(name, prompts, found, count)
        return found

    def _check_record(self, name: str, step: int, found: Sequence[Judged]) -> None:
        """Recorded bouts are of this step's tasks; further ones are of the run's tasks at least."""
        batch, known = self.ring.batch(step), {t.id: t for t in self.ring.tasks}
        ids = [j.task.id for j in found]
        if ids[: len(batch)] != [t.id for t in batch] or any(i not in known for i in ids):
            raise RunError(self._foreign(name))
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
            raise RunError(self._foreign(name))

    def _foreign(self, name: str) -> str:
        return (
            f"{self.run.path}: {name} does not answer the prompts of its step; tasks, prompts "
            "or tokenizer have changed since, or the file has: put back what it was, or begin "
            "a new run"
        )


_PLAYERS = ("coder", "opponents", "tester")


def _journal(step: int, turn: int, player: str) -> str:
    return step_file("journal", step, f"{player}{turn or ''}")


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
