"""What a step's bouts show of reward hacking and of bad tasks, as numbers for its metrics.

Each number is a share, or a difference of shares, over all bouts of a step, computed from what is
on record of them: a resumed run and a replay get the same. NaN where nothing is known, such as a
gap to withheld tests where none are withheld. What is too much is said elsewhere (``alarms``), and
nothing here changes a reward. docs/monitors.md says what each number means for a user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sparring.grading.answers import plain_input, size
from sparring.grading.group import GroupResult
from sparring.matrix import Bools
from sparring.metrics.rates import estimated_right
from sparring.schema import Kind, Outcome, TestRefusal, Verdict
from sparring.tasks.withhold import original_places

NAMED = 5
"""Ground-truth tests and tasks that are named per step and monitor."""


def monitor_values(judged: Sequence[GroupResult]) -> dict[str, Any]:
    """All monitors over the bouts of one step.

    ``verdicts`` is a map of shares and ``named`` a map from monitors to the first `NAMED` culprits;
    everything else is one number.
    """
    suspects = [_suspect_G(j) for j in judged]
    failures = [[o.verdict for o in j.reference_G] for j in judged]
    tests = [of_generated(j) for j in judged]
    return {
        "withheld_gap": _withheld_gap(judged, correct_only=True),
        "withheld_gap_all": _withheld_gap(judged, correct_only=False),
        "estimate_gap": _estimate_gap(judged),
        **{name: _share(list(chain.from_iterable(t[name] for t in tests))) for name in _OF_TESTS},
        "verdicts": _verdicts(judged),
        "suspect_tests": _share(list(chain.from_iterable(s.values() for s in suspects))),
        "reference_failures": _share(
            [v is not Verdict.ACCEPTED for row in failures for v in row if v is not Verdict.INFRA]
        ),
        "foreign_outputs": _ratio(
            sum(j.foreign.accepted for j in judged), sum(j.foreign.pairs for j in judged)
        ),
        "named": {
            "suspect_tests": _named(
                _test_name(j, g)
                for j, suspect in zip(judged, suspects, strict=True)
                for g, yes in suspect.items()
                if yes
            ),
            "reference_failures": _named(
                _test_name(j, g)
                for j, row in zip(judged, failures, strict=True)
                for g, v in enumerate(row)
                if v not in (Verdict.ACCEPTED, Verdict.INFRA)
            ),
            "foreign_outputs": _named(f"task {j.task.id}" for j in judged if j.foreign.accepted),
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


def of_generated(judged: GroupResult) -> dict[str, list[bool]]:
    """For each of `_OF_TESTS`, of which generated tests it is true; those that it cannot be said
    of are left out."""
    inputs = [plain_input(p.test) for p in judged.tests if p.test]
    public = {plain_input(e) for e in judged.task.examples}
    seen = Counter[tuple[str, ...]]()
    repeated = []
    for one in inputs:
        repeated.append(seen[one] > 0)
        seen[one] += 1
    unparsed = [not parsed for parsed in judged.parsed_U.tolist()]
    forbidden, stuck = (
        [r is kind for r in judged.refused_U]
        for kind in (TestRefusal.FORBIDDEN, TestRefusal.UNFINISHED)
    )
    sizes = [size(t) for t in judged.task.ground_truth if t.kind is not Kind.SCRIPT]
    half = float(np.median(sizes)) / 2 if sizes else 0.0
    return {
        "duplicate_tests": repeated,
        "copied_tests": [one in public for one in inputs] if public else [],
        "invalid_tests": (~judged.valid_U).tolist(),
        "unparsed_tests": unparsed,
        "forbidden_tests": forbidden,
        "unfinished_tests": stuck if any(o is not None for o in judged.reference_U) else [],
        "trivial_inputs": (judged.size_U[judged.parsed_U] < half).tolist() if sizes else [],
    }


def _withheld_gap(judged: Sequence[GroupResult], correct_only: bool) -> float:
    """Share of passed runs on rewarded tests minus that on withheld ones, over programs that pass
    every rewarded test, or over all. Runs of ours that failed are in neither."""
    passed, seen = np.zeros(2), np.zeros(2)
    for j in judged:
        if not j.task.withheld:
            continue
        rows = j.matrix.correct_P if correct_only else np.ones(len(j.programs), dtype=bool)
        withheld = [[o.verdict for o in row] for row in j.withheld_PH]
        for side, verdicts in enumerate(
            ([[o.verdict for o in row[: len(j.task.tests)]] for row in j.outcomes_PT], withheld)
        ):
            known = [v for row, use in zip(verdicts, rows, strict=True) if use for v in row]
            passed[side] += known.count(Verdict.ACCEPTED)
            seen[side] += len(known) - known.count(Verdict.INFRA)
    return _ratio(passed[0], seen[0]) - _ratio(passed[1], seen[1])


def _estimate_gap(judged: Sequence[GroupResult]) -> float:
    """Test accuracy by the paper's estimate (passed by every correct program) minus that by the
    reference, averaged over the tasks that have both: where it is large, the tester has found
    inputs on which right programs agree with it and the statement does not."""
    gaps = []
    for j in judged:
        estimate = estimated_right(j.matrix, j.parsed_U)
        if estimate is not None and j.right_U is not None and len(estimate):
            gaps.append(float(estimate.mean() - j.right_U.mean()))
    return float(np.mean(gaps)) if gaps else float("nan")


def _verdicts(judged: Sequence[GroupResult]) -> dict[str, float]:
    """How the programs' runs on ground-truth tests ended, as shares."""
    counts = Counter(o.verdict for j in judged for row in _ground_truth(j) for o in row)
    total = counts.total()
    return {str(v): counts[v] / total for v in Verdict if counts[v]}


def _suspect_G(judged: GroupResult) -> dict[int, bool]:
    """Which ground-truth tests look wrong: failed by every program, one of which passes at least
    half of the others, and passed by no opponent and not by the reference solution. Tests that no
    program was seen on are left out."""
    verdicts = [[o.verdict for o in row] for row in _ground_truth(judged)]
    passed_PG: Bools = np.array([[v is Verdict.ACCEPTED for v in row] for row in verdicts])
    seen_PG: Bools = np.array([[v is not Verdict.INFRA for v in row] for row in verdicts])
    found = {}
    for g in range(len(judged.task.ground_truth)) if verdicts else ():
        if not seen_PG[:, g].any():
            continue
        others = seen_PG.sum(axis=1) - seen_PG[:, g]
        good = passed_PG.sum(axis=1) - passed_PG[:, g]
        able = (others > 0) & (2 * good >= others)
        known = any(o.verdict is Verdict.ACCEPTED for o in _others(judged, g))
        found[g] = bool(not passed_PG[:, g].any() and able.any() and not known)
    return found


def _others(judged: GroupResult, g: int) -> Iterator[Outcome]:
    """What programs that are not the group's made of a ground-truth test: opponents, which are not
    run on withheld ones, and the reference solution."""
    if g < len(judged.task.tests):
        yield from (row[g] for row in judged.pool_outcomes_PT or ())
    yield from judged.reference_G[g : g + 1]


def _ground_truth(judged: GroupResult) -> Iterator[tuple[Outcome, ...]]:
    """Each program's outcomes on rewarded, then withheld tests."""
    rewarded = len(judged.task.tests)
    withheld = judged.withheld_PH or [()] * len(judged.outcomes_PT)
    for row, more in zip(judged.outcomes_PT, withheld, strict=True):
        yield (*row[:rewarded], *more)


def _test_name(judged: GroupResult, place: int) -> str:
    """As `sparring show --test` takes it (G rewarded, H withheld), and by its number in the task as
    it was given, which an audit goes by. Both count from 0."""
    task, rewarded = judged.task, len(judged.task.tests)
    name = f"G{place}" if place < rewarded else f"H{place - rewarded}"
    return f"test {name} of task {task.id} (test {original_places(task)[place]} of the file)"


def _named(names: Iterator[str]) -> list[str]:
    return [name for name, _ in zip(names, range(NAMED), strict=False)]


def _share(values: Sequence[bool]) -> float:
    return _ratio(sum(values), len(values))


def _ratio(count: float, total: float) -> float:
    return float(count / total) if total else float("nan")
