"""The engine of `sparring solve`: a session from its models to the decision on disk.

    solve_task(task, options, out) → Solved

With a directory every response, attempt and execution is on disk before it counts, and the same
call in the same directory continues: nothing is asked for or executed twice. The directory is read
by `sparring show` and `sparring report`, and by `replay_directory`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.errors import ModelError, RunError, Stopped
from sparring.evaluation.chat_models import role_models
from sparring.evaluation.directory import recorded_models
from sparring.evaluation.response_store import locked
from sparring.policy.chat.base import StopAsking
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file
from sparring.runs.session import CONFIG, KIND, RESULT
from sparring.sandbox import Sandbox
from sparring.schema import Role, Task
from sparring.selection.evidence import Evidence
from sparring.solving.account import account
from sparring.solving.budget import Costs
from sparring.solving.by_need import by_need
from sparring.solving.candidates import ProgramCandidate, Solution, TestCandidate
from sparring.solving.options import SolveOptions
from sparring.solving.problem_record import RecordedSession
from sparring.solving.records import SessionRecords, no_records, records_in
from sparring.solving.result import abstains, result_record, seen_evidence
from sparring.solving.rollout import rollout
from sparring.solving.session import Session, Step
from sparring.solving.spending import Spending
from sparring.solving.waiting import unless_over

Strategy = Callable[[Session], Solution]
"""Function that solves the task of a session: samples, runs and decides."""


@dataclass(frozen=True, slots=True)
class Solved:
    """Result of a session. ``record`` is the contents of solve.json."""

    task: Task
    solution: Solution
    source: str | None
    """Source of the chosen program, as the model wrote it; None where no program could be read."""
    abstained: bool
    programs: tuple[ProgramCandidate, ...]
    tests: tuple[TestCandidate, ...]
    evidence: Evidence
    """Evidence of the readable programs on the readable tests and inputs, as far as it was seen."""
    costs: Costs
    record: Mapping[str, Any]

    @property
    def sure(self) -> float | None:
        """Probability that the program is right; None where it is unknown."""
        return self.solution.sure

    @property
    def account(self) -> list[str]:
        """The account for people, line by line."""
        return account(self.record)


def solve_task(
    task: Task,
    options: SolveOptions,
    out: Path | None = None,
    *,
    strategy: Strategy = by_need,
    stop: StopAsking = lambda: False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Solved:
    """Solve ``task`` with the models of ``options``, in the directory ``out`` if there is one.

    ``on_step`` gets each step of the decision when it is noted.

    Raises `SparringError` where no session can begin. Once it has begun, its end by a budget, by
    ``stop`` or by a model that is gone is no error: the best so far is returned.
    """
    with ExitStack() as resources:
        if out is not None:
            resources.enter_context(locked(out))
        spending = Spending(options.budget, options.fixed_response)
        over = lambda: stop() or spending.seconds_left() == 0  # noqa: E731
        asking = replace(options.asking, programs=1, tests=1)
        recorded = {} if out is None else recorded_models(out)
        try:
            models = unless_over(lambda: role_models(asking, recorded, over), over)
        except Stopped as error:
            if stop():
                raise
            raise ModelError(
                f"{error}; the budget of {options.budget.seconds:g} s is spent"
            ) from None
        for model in models.values():
            resources.callback(model.chat_model.close)
        sandbox = resources.enter_context(
            Sandbox(asking.workers, level=asking.level, packages=asking.packages)
        )
        identities = {role: m.chat_model.identity for role, m in models.items()}
        records = no_records(identities) if out is None else records_in(out, identities)
        session = Session(
            task,
            options,
            models,
            sandbox,
            spending=spending,
            records=records,
            stop=stop,
            on_step=on_step,
        )
        named = {
            r: {"name": m.name, "identity": dict(m.chat_model.identity)} for r, m in models.items()
        }
        if out is not None:
            _begin(
                out,
                RecordedSession(task, options, named, session.readings, strategy.__name__),
                records,
            )
        solution = strategy(session)
        if session.refusal is not None and not (session.programs or session.tests):
            raise ModelError(session.refusal)
        return finish(session, solution, named, strategy, out)


def _begin(out: Path, session: RecordedSession, records: SessionRecords) -> None:
    """Write config.json; refuse a directory with another session or with other files."""
    directory = RunDir(out, locked=False)
    if directory.has(CONFIG):
        old = directory.read_json(CONFIG)
        if not (isinstance(old, dict) and old.get("kind") == KIND):
            raise RunError(f"{out}: its {CONFIG} is of no session; choose another --out")
        if records.responses is not None and len(records.responses):
            session.check_continues(old, str(out))
    elif other := sorted(f.name for f in out.iterdir() if f.name != "lock"):
        raise RunError(
            f"{out}: is not empty (it has {other[0]}) and holds no session; choose another --out"
        )
    directory.write_json(CONFIG, session.record())


def finish(
    session: Session,
    solution: Solution,
    models: Mapping[Role, Mapping[str, Any]],
    strategy: Strategy,
    out: Path | None,
) -> Solved:
    """Write solve.json and the rollouts; return the result."""
    record = result_record(session, solution, models, strategy.__name__)
    if out is not None:
        directory = RunDir(out, locked=False)
        directory.write_packed(step_file("rollouts", 0), [rollout(session, solution.chosen)])
        directory.write_json(RESULT, record)
    chosen = None if solution.chosen is None else session.programs[solution.chosen]
    return Solved(
        session.task,
        solution,
        None if chosen is None else chosen.source,
        abstains(solution, session.options.threshold),
        tuple(session.programs),
        tuple(session.tests),
        seen_evidence(session),
        session.spending.costs,
        record,
    )
