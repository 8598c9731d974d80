"""Signs of reward hacking and of faulty tasks in the groups of a step, as numbers for its metrics.

Each number is a share, or a difference of shares, over all groups of a step. It is computed from
their records alone, so that a resumed run and a replay get equal numbers. NaN means unknown, such
as the gap to hidden tests where no tests are hidden. The thresholds of alarms are elsewhere
(``alarms``), and no monitor changes a reward. docs/monitors.md explains each number to users.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.grading.trivial_inputs import trivial_U
from sparring.matrix import Bools
from sparring.metrics.rates import estimated_right
from sparring.schema import Outcome, TestRefusal, Verdict
from sparring.tasks.hidden_tests import original_places

NAMED = 5
"""Number of ground-truth tests and tasks that are named per step and monitor."""


def monitor_values(groups: Sequence[GroupResult]) -> dict[str, Any]:
    """Return all monitors over the groups of one step.

    ``verdicts`` maps verdicts to shares. ``named`` maps monitors to the names of the first `NAMED`
    tests or tasks that raised them. Every other value is one number.
    """
    suspects = [_suspect_G(j) for j in groups]
    failures = [[o.verdict for o in j.reference_G] for j in groups]
    tests = [of_generated(j) for j in groups]
    return {
        "hidden_gap": _hidden_gap(groups, correct_only=True),
        "hidden_gap_all": _hidden_gap(groups, correct_only=False),
        "estimate_gap": _estimate_gap(groups),
        **{name: _share(list(chain.from_iterable(t[name] for t in tests))) for name in _OF_TESTS},
        "verdicts": _verdicts(groups),
        "suspect_tests": _share(list(chain.from_iterable(s.values() for s in suspects))),
        "reference_failures": _share(
            [v is not Verdict.ACCEPTED for row in failures for v in row if v is not Verdict.INFRA]
        ),
        "checker_leniency": _ratio(
            sum(j.leniency.accepted for j in groups), sum(j.leniency.pairs for j in groups)
        ),
        "named": {
            "suspect_tests": _first_names(
                _test_name(j, g)
                for j, suspect in zip(groups, suspects, strict=True)
                for g, yes in suspect.items()
                if yes
            ),
            "reference_failures": _first_names(
                _test_name(j, g)
                for j, row in zip(groups, failures, strict=True)
                for g, v in enumerate(row)
                if v not in (Verdict.ACCEPTED, Verdict.INFRA)
            ),
            "checker_leniency": _first_names(
                f"task {j.task.id}" for j in groups if j.leniency.accepted
            ),
        },
    }


_OF_TESTS = (
    "duplicate_tests",
    "copied_tests",
    "invalid_tests",
    "unparsed_tests",
    "forbidden_tests",
    "unfinished_tests",
    "trivial_inputs",
)


def of_generated(group: GroupResult) -> dict[str, list[bool]]:
    """Return, for each monitor of `_OF_TESTS`, the generated tests that it is true of. A test that
    a monitor does not apply to is left out of its list."""
    inputs = [plain_input(p.test) for p in group.tests if p.test]
    public = {plain_input(e) for e in group.task.examples}
    seen = Counter[tuple[str, ...]]()
    repeated = []
    for one in inputs:
        repeated.append(seen[one] > 0)
        seen[one] += 1
    unparsed = [not parsed for parsed in group.parsed_U.tolist()]
    forbidden, stuck = (
        [r is kind for r in group.refused_U]
        for kind in (TestRefusal.FORBIDDEN, TestRefusal.UNFINISHED)
    )
    trivial = trivial_U(group)
    return {
        "duplicate_tests": repeated,
        "copied_tests": [one in public for one in inputs] if public else [],
        "invalid_tests": (~group.valid_U).tolist(),
        "unparsed_tests": unparsed,
        "forbidden_tests": forbidden,
        "unfinished_tests": stuck if any(o is not None for o in group.reference_U) else [],
        "trivial_inputs": [] if trivial is None else trivial[group.parsed_U].tolist(),
    }


def _hidden_gap(groups: Sequence[GroupResult], correct_only: bool) -> float:
    """Return the share of passed executions on rewarded tests minus that on hidden tests, over the
    programs that pass every rewarded test or over all programs. Infrastructure failures are in
    neither share."""
    passed, seen = np.zeros(2), np.zeros(2)
    for j in groups:
        if not j.task.hidden:
            continue
        rows = j.matrix.correct_P if correct_only else np.ones(len(j.programs), dtype=bool)
        hidden = [[o.verdict for o in row] for row in j.hidden_PH]
        for side, verdicts in enumerate(
            ([[o.verdict for o in row[: len(j.task.tests)]] for row in j.outcomes_PT], hidden)
        ):
            known = [v for row, use in zip(verdicts, rows, strict=True) if use for v in row]
            passed[side] += known.count(Verdict.ACCEPTED)
            seen[side] += len(known) - known.count(Verdict.INFRA)
    return _ratio(passed[0], seen[0]) - _ratio(passed[1], seen[1])


def _estimate_gap(groups: Sequence[GroupResult]) -> float:
    """Return the test accuracy by the paper's estimate (passed by every correct program) minus that
    by the reference, averaged over the tasks that have both. A large gap means that the tester has
    found inputs on which right programs agree with the test and the statement does not."""
    gaps = []
    for j in groups:
        estimate = estimated_right(j.matrix, j.parsed_U)
        if estimate is not None and j.right_U is not None and len(estimate):
            gaps.append(float(estimate.mean() - j.right_U.mean()))
    return float(np.mean(gaps)) if gaps else float("nan")


def _verdicts(groups: Sequence[GroupResult]) -> dict[str, float]:
    """Return the verdicts of the programs' executions on ground-truth tests, as shares."""
    counts = Counter(o.verdict for j in groups for row in _ground_truth(j) for o in row)
    total = counts.total()
    return {str(v): counts[v] / total for v in Verdict if counts[v]}


def _suspect_G(group: GroupResult) -> dict[int, bool]:
    """Return, for each ground-truth test that a program was observed on, True if the test looks
    wrong.

    A test looks wrong if every program of the group fails it, one of these programs passes at least
    half of the other tests, and neither a program of the initial policy nor the reference solution
    passes it.
    """
    verdicts = [[o.verdict for o in row] for row in _ground_truth(group)]
    passed_PG: Bools = np.array([[v is Verdict.ACCEPTED for v in row] for row in verdicts])
    seen_PG: Bools = np.array([[v is not Verdict.INFRA for v in row] for row in verdicts])
    suspect_by_place = {}
    for g in range(len(group.task.ground_truth)) if verdicts else ():
        if not seen_PG[:, g].any():
            continue
        others = seen_PG.sum(axis=1) - seen_PG[:, g]
        good = passed_PG.sum(axis=1) - passed_PG[:, g]
        able = (others > 0) & (2 * good >= others)
        known = any(o.verdict is Verdict.ACCEPTED for o in _other_outcomes(group, g))
        suspect_by_place[g] = bool(not passed_PG[:, g].any() and able.any() and not known)
    return suspect_by_place


def _other_outcomes(group: GroupResult, g: int) -> Iterator[Outcome]:
    """Yield the outcomes of other programs on a ground-truth test: those of the initial policy,
    which are not executed on hidden tests, and of the reference solution."""
    if g < len(group.task.tests):
        yield from (row[g] for row in group.pool_outcomes_PT or ())
    yield from group.reference_G[g : g + 1]


def _ground_truth(group: GroupResult) -> Iterator[tuple[Outcome, ...]]:
    """Yield each program's outcomes on the rewarded tests, then on the hidden ones."""
    rewarded = len(group.task.tests)
    hidden = group.hidden_PH or [()] * len(group.outcomes_PT)
    for row, more in zip(group.outcomes_PT, hidden, strict=True):
        yield (*row[:rewarded], *more)


def _test_name(group: GroupResult, place: int) -> str:
    """Return the name of a test as `sparring show --test` takes it (G rewarded, H hidden), and its
    number in the task as it was loaded, which an audit uses. Both count from 0."""
    task, rewarded = group.task, len(group.task.tests)
    name = f"G{place}" if place < rewarded else f"H{place - rewarded}"
    return f"test {name} of task {task.id} (test {original_places(task)[place]} of the file)"


def _first_names(names: Iterator[str]) -> list[str]:
    return [name for name, _ in zip(names, range(NAMED), strict=False)]


def _share(values: Sequence[bool]) -> float:
    return _ratio(sum(values), len(values))


def _ratio(count: float, total: float) -> float:
    return float(count / total) if total else float("nan")
