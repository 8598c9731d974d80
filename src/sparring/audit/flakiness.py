"""Execute every reference solution on every test of its task, several times.

- The sandboxes keep no outcomes and use a process for each execution (`sparring.audit.run`).
- Repetitions differ in conditions on which an output must not depend (`perturbations`).
- An execution that met a limit is repeated once with wider limits.
- `verified_tests` draws the conclusions about the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from sparring.audit.perturbations import CAUSES, Cause, Perturbation, clocks, perturbations
from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.limits import wider
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox import Runs
from sparring.schema import Outcome, Task, Test, Verdict

_LIMITS = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT)
_SETTLED = (
    Verdict.ACCEPTED,
    Verdict.WRONG_ANSWER,
    Verdict.RUNTIME_ERROR,
    Verdict.SANDBOX_VIOLATION,
)
_PATIENT = 8
"""Most executions of a solution that are repeated with wider limits, smallest inputs first."""
_WIDER_MEMORY = 4
_MOST_SECONDS = 120.0


class SolutionState(Enum):
    """Result of a solution on a test, over all repetitions."""

    RIGHT = auto()
    LATE = auto()
    """Right, but only with wider limits."""
    WRONG = auto()
    CRASHED = auto()
    UNFINISHED = auto()
    FLAKY = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class SolutionOutcome:
    """Result of a solution on a test. ``seconds`` is the least CPU time of all repetitions."""

    state: SolutionState
    output: str
    seconds: float
    detail: str
    cause: Cause | None = None
    other: str = ""
    """Another output of the solution, if it is flaky."""


@dataclass(frozen=True, slots=True)
class AuditSandboxes:
    """Sandboxes of an audit: the usual one, and `HASH_SEEDS` - 1 with other hash seeds."""

    usual: Runs
    others: tuple[Runs, ...]


def repeat_solutions(
    bench: AuditSandboxes,
    grader: Grader,
    requests: Sequence[ExecutionRequest],
    repeats: int,
    patience: float,
) -> list[list[SolutionOutcome]]:
    """Return the result of every request on each of its tests.

    After an execution that met a limit, the limits are ``patience`` times wider.
    """
    series = [
        _outcomes_under(bench, grader, requests, condition) for condition in perturbations(repeats)
    ]
    results: list[list[SolutionOutcome]] = []
    doubtful: list[tuple[int, int]] = []
    for a, request in enumerate(requests):
        cells = []
        for t in range(len(request.tests)):
            runs = [rows[a][t] for rows in series]
            cells.append(_settled_outcome(runs))
            if _differ(runs):
                doubtful.append((a, t))
        results.append(cells)
    for (a, t), cell in _flaky_outcomes(bench, grader, requests, doubtful, series).items():
        results[a][t] = cell
    for (a, t), cell in _with_wider_limits(bench, grader, requests, results, patience).items():
        results[a][t] = cell
    return results


_Rows = list[tuple[Outcome, ...]]


def _outcomes_under(
    bench: AuditSandboxes,
    grader: Grader,
    requests: Sequence[ExecutionRequest],
    condition: Perturbation,
) -> _Rows:
    sandbox = (bench.usual, *bench.others)[condition.hash_seed]
    varied = [replace(request, program=condition.program(request.program)) for request in requests]
    return test_jobs.graded(grader, list(zip(varied, test_jobs.run(sandbox, varied), strict=True)))


def _settled_outcome(runs: Sequence[Outcome]) -> SolutionOutcome:
    """Return the result of the first execution that ended by itself, if any did.

    An execution that met a limit may have had bad luck, and counts only if all others did too.
    """
    settled = [o for o in runs if o.verdict in _SETTLED]
    chosen = settled[0] if settled else runs[0]
    state = _STATES.get(chosen.verdict, SolutionState.UNKNOWN)
    seconds = min((o.cpu_seconds for o in settled), default=chosen.cpu_seconds)
    detail = chosen.detail or chosen.verdict.value
    return SolutionOutcome(state, chosen.output, seconds, detail)


_STATES = {
    Verdict.ACCEPTED: SolutionState.RIGHT,
    Verdict.WRONG_ANSWER: SolutionState.WRONG,
    Verdict.RUNTIME_ERROR: SolutionState.CRASHED,
    Verdict.SANDBOX_VIOLATION: SolutionState.CRASHED,
} | dict.fromkeys(_LIMITS, SolutionState.UNFINISHED)


def _differ(runs: Sequence[Outcome]) -> bool:
    settled = [o for o in runs if o.verdict in _SETTLED]
    return any(_unlike(settled[0], other) for other in settled[1:])


def _unlike(a: Outcome, b: Outcome) -> bool:
    """Return True if two executions differ. Two accepted outputs never count as different."""
    if a.verdict not in _SETTLED or b.verdict not in _SETTLED:
        return False
    wrong = a.verdict is Verdict.WRONG_ANSWER
    return a.verdict is not b.verdict or (wrong and a.output.split() != b.output.split())


def _flaky_outcomes(
    bench: AuditSandboxes,
    grader: Grader,
    requests: Sequence[ExecutionRequest],
    doubtful: Sequence[tuple[int, int]],
    series: Sequence[_Rows],
) -> dict[tuple[int, int], SolutionOutcome]:
    """Return the flaky results among the doubtful ones, each with a cause that was observed."""
    if not doubtful:
        return {}
    small = [replace(requests[a], tests=(requests[a].tests[t],)) for a, t in doubtful]
    at_clocks = [[r[0] for r in _outcomes_under(bench, grader, small, how)] for how in clocks()]
    # The clock is fixed for all; otherwise the first cause tried would be blamed for a new second.
    at_fixed_clock = [(c, replace(how, clock=clocks()[0].clock)) for c, how in CAUSES]
    trials = [
        (c, [r[0] for r in _outcomes_under(bench, grader, small, how)]) for c, how in at_fixed_clock
    ]
    flaky = {}
    for n, (a, t) in enumerate(doubtful):
        usual = series[0][a][t]
        other: Outcome | None = None
        cause: Cause | None = None
        for tried, outcomes in trials:
            if cause is None and _unlike(at_clocks[0][n], outcomes[n]):
                cause, usual, other = tried, at_clocks[0][n], outcomes[n]
        if cause is None and _differ([outcomes[n] for outcomes in at_clocks]):
            cause = Cause.CLOCK
            usual, other = next(
                (x[n], y[n]) for x in at_clocks for y in at_clocks if _unlike(x[n], y[n])
            )
        if cause is None and not perturbations(2)[1].moves_clock(requests[a].program):
            runs = [rows[a][t] for rows in series]
            cause = Cause.NOTHING_NAMED
            other = next((o for o in runs if _unlike(runs[0], o)), None)
        if cause is not None:
            cell = _settled_outcome([usual])
            other_output = other.output or other.detail if other else ""
            flaky[a, t] = replace(cell, state=SolutionState.FLAKY, cause=cause, other=other_output)
    return flaky


def _with_wider_limits(
    bench: AuditSandboxes,
    grader: Grader,
    requests: Sequence[ExecutionRequest],
    cells: Sequence[Sequence[SolutionOutcome]],
    patience: float,
) -> dict[tuple[int, int], SolutionOutcome]:
    """Return the results of executions that met a limit, repeated with wider limits."""
    positions: list[tuple[int, int]] = []
    wide: list[ExecutionRequest] = []
    for a, request in enumerate(requests):
        late = [t for t, cell in enumerate(cells[a]) if cell.state is SolutionState.UNFINISHED]
        late = sorted(late, key=lambda t: len(request.tests[t].input))[:_PATIENT]
        limits = replace(
            request.limits,
            cpu_seconds=max(
                request.limits.cpu_seconds,
                min(request.limits.cpu_seconds * patience, _MOST_SECONDS),
            ),
            idle_seconds=request.limits.idle_seconds * patience,
            memory_mib=request.limits.memory_mib * _WIDER_MEMORY,
            output_bytes=wider(request.limits.output_bytes, _WIDER_MEMORY),
        )
        positions += [(a, t) for t in late]
        wide += [replace(request, tests=(request.tests[t],), limits=limits) for t in late]
    repeated_results = {}
    for (a, t), [outcome] in zip(
        positions, _outcomes_under(bench, grader, wide, Perturbation()), strict=True
    ):
        before, after = cells[a][t], _settled_outcome([outcome])
        if after.state is SolutionState.RIGHT:
            needs = f"{before.detail}; right with {_used(outcome)}"
            repeated_results[a, t] = replace(after, state=SolutionState.LATE, detail=needs)
        elif after.state is not SolutionState.UNKNOWN:
            repeated_results[a, t] = after
    return repeated_results


def _used(outcome: Outcome) -> str:
    return f"{outcome.cpu_seconds:.2f} CPU seconds and {outcome.memory_mib:.0f} MiB"


def every_test(task: Task) -> tuple[Test, ...]:
    """Return the tests that solutions are executed on: ground truth, then public examples."""
    return (*task.tests, *task.examples)
