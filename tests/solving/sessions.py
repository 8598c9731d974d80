"""Sessions for tests: a problem, options for a server that answers by a plan, and a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sparring.evaluation.chat_models import role_models
from sparring.evaluation.options import EvalOptions, ModelSpec
from sparring.sandbox import Job, Runner
from sparring.schema import Outcome, Role, Task, Test, Verdict
from sparring.solving.budget import Budget
from sparring.solving.options import Sizes, SolveOptions
from sparring.solving.records import SessionRecords
from sparring.solving.session import Session
from tests.fake_openai import FakeOpenAI

TASK = Task(
    id="successor",
    statement="Read a whole number and print the next one.",
    tests=(),
    examples=(Test("1\n", "2\n"),),
    time_limit=1.0,
)


def solve_options(
    fake: FakeOpenAI,
    budget: Budget | None = None,
    sizes: Sizes | None = None,
    attempts: int = 2,
    seed: int = 0,
    max_tokens: int = 64,
) -> SolveOptions:
    """Options by which one served model plays both roles."""
    model = ModelSpec(fake.url)
    asking = EvalOptions(
        sources=(),
        models={Role.CODER: model, Role.TESTER: model},
        attempts=attempts,
        seed=seed,
        max_tokens=max_tokens,
    )
    return SolveOptions(asking=asking, budget=budget or Budget(), sizes=sizes or Sizes())


@contextmanager
def a_session(
    fake: FakeOpenAI,
    sandbox: Runner,
    options: SolveOptions | None = None,
    task: Task = TASK,
    records: SessionRecords | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Session]:
    options = options or solve_options(fake)
    models = role_models(replace(options.asking, tests=1), {}, stop)
    try:
        yield Session(task, options, models, sandbox, records=records, stop=stop)
    finally:
        for model in models.values():
            model.chat_model.close()


class Broken:
    """Runner whose executions all fail by its own fault."""

    def stream(
        self, jobs: Sequence[Job], abandoned: object = None
    ) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        for number, job in enumerate(jobs):
            yield number, (Outcome(Verdict.INFRA),) * len(job.inputs)
