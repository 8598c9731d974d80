"""Running: programs of a session on tests, each pair of program and input once, within the budget.

A call ends when the session is over: executions in flight are left to themselves, and those that
have not begun are dropped. A dropped execution stays counted and has no outcome.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace

from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.limits import limits
from sparring.grading.test_jobs import ExecutionRequest
from sparring.policy.chat.base import StopAsking
from sparring.sandbox import Job, Limits, Runner
from sparring.schema import Outcome, Task, Test, Verdict
from sparring.solving.executions_record import ExecutionsRecord
from sparring.solving.inputs import is_input_only
from sparring.solving.spending import Spending

_INVALID = Outcome(Verdict.INVALID)
_DROPPED = Outcome(Verdict.NOT_RUN, detail="the session was over")

_Execution = tuple[str, Hashable]


class Running:
    """Executions of one session, with their outcomes so far."""

    def __init__(
        self,
        task: Task,
        sandbox: Runner | None,
        spending: Spending,
        record: ExecutionsRecord,
        stop: StopAsking,
    ) -> None:
        """Without a ``sandbox`` outcomes come from the ``record`` alone."""
        self._task, self._spending, self._stop = task, spending, stop
        self._record, self._sandbox = record, sandbox
        self._limits = limits(task, Limits())
        self._runner = _Recorded(sandbox, record, self._over)
        self._grader = Grader(self._runner)
        self._raw: dict[_Execution, Outcome] = {}
        self._graded: dict[tuple[str, Test], Outcome] = {}

    def outcomes(
        self, sources: Sequence[str | None], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        """Return the outcomes [P, T] of programs on tests; see `Session.run`."""
        self._execute(sources, tests)
        self._compare(sources, tests)
        return self.known(sources, tests)

    def known(
        self, sources: Sequence[str | None], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        """Return the outcomes [P, T] so far, executing nothing."""
        return [
            [_INVALID if source is None else self._graded.get((source, t)) for t in tests]
            for source in sources
        ]

    def _execute(self, sources: Sequence[str | None], tests: Sequence[Test]) -> None:
        requests = []
        for source in dict.fromkeys(s for s in sources if s is not None):
            unknown: dict[_Execution, Test] = {}
            for test in tests:
                if _execution(source, test) not in self._raw:
                    unknown.setdefault(_execution(source, test), test)
            fresh = []
            for key, test in unknown.items():
                if (outcome := self._record.get(source, test.kind, test.input)) is not None:
                    self._raw[key] = outcome
                else:
                    fresh.append(test)
            self._spending.charge_executions(len(unknown) - len(fresh))
            if fresh and self._sandbox is not None and not self._over():
                chosen = tuple(fresh[: self._spending.executions(len(fresh))])
                requests.append(
                    ExecutionRequest(self._task, source, chosen, self._limits, of_task=False)
                )
        new = [
            (request.program, test, outcome)
            for request, row in zip(requests, self._run(requests), strict=True)
            for test, outcome in zip(request.tests, row, strict=True)
            if outcome.verdict is not Verdict.NOT_RUN
        ]
        for source, test, outcome in new:
            self._raw[_execution(source, test)] = outcome

    def _run(self, requests: Sequence[ExecutionRequest]) -> list[tuple[Outcome, ...]]:
        return test_jobs.run(self._runner, requests) if requests else []

    def _compare(self, sources: Sequence[str | None], tests: Sequence[Test]) -> None:
        """Compare the outputs of executions that have ended and were not compared before."""
        rows = []
        for source in dict.fromkeys(s for s in sources if s is not None):
            chosen, raw = [], []
            for test in tests:
                outcome = self._raw.get(_execution(source, test))
                if outcome is None or (source, test) in self._graded:
                    continue
                if is_input_only(test):
                    self._graded[source, test] = outcome
                else:
                    chosen.append(test)
                    raw.append(outcome)
            if chosen:
                request = ExecutionRequest(
                    self._task, source, tuple(chosen), self._limits, of_task=False
                )
                rows.append((request, tuple(raw)))
        for (request, _), row in zip(rows, test_jobs.graded(self._grader, rows), strict=True):
            for test, outcome in zip(request.tests, row, strict=True):
                self._graded[request.program, test] = outcome

    def _over(self) -> bool:
        return self._stop() or self._spending.seconds_left() == 0


class _Recorded:
    """Runner (`Runs`) that takes outcomes from the record, and puts new ones there. It gives up its
    jobs once the session is over."""

    def __init__(self, sandbox: Runner | None, record: ExecutionsRecord, over: StopAsking) -> None:
        self._sandbox, self._record, self._over = sandbox, record, over

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the outcomes of every job, aligned with its inputs; `_DROPPED` for an execution
        that did not end."""
        known: list[dict[str, Outcome]] = []
        unknown: list[tuple[int, Job]] = []
        for number, job in enumerate(jobs):
            found = {text: self._record.get(job.program, job.kind, text) for text in job.inputs}
            known.append({text: o for text, o in found.items() if o is not None})
            if left := tuple(text for text, o in found.items() if o is None):
                unknown.append((number, replace(job, inputs=left)))
        if unknown and self._sandbox is not None and not self._over():
            asked = [job for _, job in unknown]
            for place, outcomes in self._sandbox.stream(asked, _Over(self._over)):
                number, job = unknown[place]
                new = dict(zip(job.inputs, outcomes, strict=True))
                self._record.put((job.program, job.kind, t, o) for t, o in new.items())
                known[number] |= new
        return [
            tuple(outcomes.get(text, _DROPPED) for text in job.inputs)
            for job, outcomes in zip(jobs, known, strict=True)
        ]


class _Over(threading.Event):
    """Event that is set once a function returns true."""

    def __init__(self, over: StopAsking) -> None:
        super().__init__()
        self._is_over = over

    def is_set(self) -> bool:
        """Return whether the function returns true."""
        return self._is_over()


def _execution(source: str, test: Test) -> _Execution:
    return source, (test.kind, test.input)
