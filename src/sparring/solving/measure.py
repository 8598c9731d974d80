"""Measuring pipelines: each task is solved without its ground truth, by every pipeline.

Responses come from the store of the evaluation and go into it, so that nothing is asked twice:
pipelines that begin with the same samples share them, with the evaluation and with each other. The
cost of a replayed response still counts for every pipeline that used it, except for its seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.response_store import ResponseStore, StoredResponse
from sparring.policy.chat.base import StopAsking
from sparring.runs.directory import RunDir
from sparring.sandbox import Runner
from sparring.schema import Role, Task, without_ground_truth
from sparring.selection import default
from sparring.solving.attempts import Attempts
from sparring.solving.executions_record import ExecutionsRecord
from sparring.solving.options import Sizes, SolveOptions
from sparring.solving.pipeline_runs import RUNS, PipelineRun, RunKey, cut_torn_line, read_runs
from sparring.solving.pipelines import Pipeline, run_pipeline
from sparring.solving.records import SessionRecords
from sparring.solving.session import Session

PAPER_SIZE = 8
"""Programs and tests that a pipeline begins with (arXiv 2506.03136, appendix C.3)."""
_TASKS_AT_ONCE, _IN_FLIGHT = 4, 16
"""Most tasks that are solved at the same time, where the models are at servers; requests in flight
by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPipelines:
    """Request to measure pipelines of a size on the tasks of an evaluation."""

    pipelines: tuple[Pipeline, ...]
    size: int = PAPER_SIZE

    def keys(self, tasks: Sequence[Task]) -> list[RunKey]:
        """Return the keys of all runs, task by task."""
        return [(p, t.id, self.size, str(default.SELECTOR)) for t in tasks for p in self.pipelines]


@dataclass(slots=True)
class CountedReplies:
    """Store of one session's replies (`reply_store.ReplyStore`) that counts how many it replays.

    Several sessions share ``store`` under one ``lock``.
    """

    store: ResponseStore
    lock: threading.Lock
    replayed: int = 0

    def __len__(self) -> int:
        with self.lock:
            return len(self.store)

    def __contains__(self, key: str) -> bool:
        with self.lock:
            return key in self.store

    def get(self, key: str) -> StoredResponse | None:
        """Return the response with this key, or None."""
        with self.lock:
            entry = self.store.get(key)
        self.replayed += entry is not None
        return entry

    def put(self, entry: StoredResponse) -> None:
        """Keep a response."""
        with self.lock:
            self.store.put(entry)


def for_each_task(options: EvalOptions) -> EvalOptions:
    """Return the options with each task's part of the requests in flight, so that all tasks at once
    have no more of them than the user wants. With a local model tasks follow each other."""
    if not all(spec.is_served for spec in options.models.values()):
        return options
    in_flight = options.concurrency or _IN_FLIGHT
    return replace(options, concurrency=in_flight // _at_once(options))


def measure_pipelines(
    wanted: MeasuredPipelines,
    options: EvalOptions,
    tasks: Sequence[Task],
    models: Mapping[Role, RoleModel],
    directory: RunDir,
    store: ResponseStore,
    sandbox: Runner,
    done: Callable[[int], None] = lambda count: None,
    stop: StopAsking = lambda: False,
) -> tuple[dict[RunKey, PipelineRun], str | None]:
    """Run every pipeline on every task that has no record of it; return all runs, and why some are
    missing.

    ``models`` are those of `for_each_task`. ``done(1)`` is called after each run. Raises
    `SparringError`.
    """
    cut_torn_line(directory.path)
    runs = read_runs(directory.path)
    to_do = [t for t in tasks if any(key not in runs for key in wanted.keys([t]))]
    done(len([key for key in wanted.keys(tasks) if key in runs]))
    reasons: list[str] = []
    lock, storing = threading.Lock(), threading.Lock()

    def solve(task: Task) -> None:
        for key in wanted.keys([task]):
            if key in runs or reasons or stop():
                continue
            counted = CountedReplies(store, storing)
            run, gone = _run(wanted, key[0], options, task, models, sandbox, counted, stop)
            with lock:
                if gone is not None:
                    reasons.append(gone)
                    return
                directory.append(RUNS, run.record())
                runs[key] = run
                done(1)

    remote = all(m.chat_model.remote for m in models.values())
    with ThreadPoolExecutor(_at_once(options) if remote else 1) as pool:
        for future in as_completed([pool.submit(solve, task) for task in to_do]):
            future.result()
    return runs, reasons[0] if reasons else "stopped" if stop() else None


def _at_once(options: EvalOptions) -> int:
    return min(_TASKS_AT_ONCE, options.concurrency or _IN_FLIGHT)


def _run(
    wanted: MeasuredPipelines,
    pipeline: Pipeline,
    options: EvalOptions,
    task: Task,
    models: Mapping[Role, RoleModel],
    sandbox: Runner,
    counted: CountedReplies,
    stop: StopAsking,
) -> tuple[PipelineRun, str | None]:
    """Return a run, and why it does not count: the user stopped, or a request had no answer. A
    message that the model refuses counts: the pipeline has to do without."""
    solve_options = SolveOptions(asking=options, sizes=Sizes(wanted.size, wanted.size))
    identities = {role: m.chat_model.identity for role, m in models.items()}
    records = SessionRecords(Attempts(identities), ExecutionsRecord(), counted)
    session = Session(
        without_ground_truth(task), solve_options, models, sandbox, records=records, stop=stop
    )
    decided = run_pipeline(pipeline, session, default.SELECTOR)
    solution = decided.solution
    held = {t.number: t.parsed.test for t in session.tests}
    run = PipelineRun(
        pipeline,
        task.id,
        wanted.size,
        str(default.SELECTOR),
        solution.chosen,
        None if solution.chosen is None else session.programs[solution.chosen].source,
        solution.chosen_by,
        solution.reason,
        tuple(test for number in decided.tests if (test := held[number]) is not None),
        session.spending.costs,
        counted.replayed,
        tuple(f"{step.step}: {step.text}" for step in session.steps),
    )
    return run, session.over or next(iter(session.unanswered), None)
