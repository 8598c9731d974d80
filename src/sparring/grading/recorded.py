"""A graded group read back from its record (`record`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.errors import well_formed
from sparring.grading.entries import (
    found_in,
    generated_from,
    outcome_from,
    response_from,
    tests_from,
)
from sparring.grading.foreign import NO_PAIRS, Foreign, foreign_comparisons
from sparring.grading.group import GroupResult, Supervision, label_free
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.schema import Outcome, ParseFailure, Role, Task, Test, TestRefusal, Verdict
from sparring.tasks.checkers.checker import accepts


def result_from(record: Mapping[str, Any], checker: str | None = None) -> GroupResult:
    """The group of a record. With a ``checker``, printed text is compared anew; a run whose output
    was too long to be kept whole keeps its verdict, and so does all of a function task, whose
    values no such rule compares. Raises `RunError` for any other record."""
    step = record.get("step") if isinstance(record, dict) else None
    with well_formed(f"rollouts of step {step}"):
        if record["task"].get("entry_point") is not None:
            checker = None
        found = _result_from(record, checker)
        if "supervision" in record:
            found = replace(found, supervision=_supervision_from(record, found, checker))
        return found


def _result_from(record: Mapping[str, Any], checker: str | None) -> GroupResult:
    task = _task_from(record["task"], checker)
    programs, tests = record["programs"], record["tests"]
    parsed = _parsed(tests)
    columns = (*task.tests, *(p.test for p in parsed))
    others = record.get("opponents", ())
    told = record["task"].get("reference", ())
    reference = [None if (o := t["reference"]) is None else outcome_from(o) for t in tests]
    right_U = None
    if record["task"]["has_reference"]:
        right = [_right(t, o, checker) for t, o in zip(tests, reference, strict=True)]
        right_U = np.array(right, dtype=bool)
    return GroupResult(
        task=task,
        coder=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(programs)],
        tester=[response_from(t, task.id, Role.TESTER, k) for k, t in enumerate(tests)],
        programs=[ParsedProgram(p["source"], _failure(p), *found_in(p)) for p in programs],
        tests=parsed,
        outcomes_PT=[_row(p["runs"], columns, checker) for p in programs],
        refused_U=[TestRefusal(r) if (r := t["refused"]) else None for t in tests],
        reference_U=reference,
        right_U=right_U,
        withheld_PH=[_row(p.get("withheld_runs", ()), task.withheld, checker) for p in programs],
        reference_G=_row(told, task.ground_truth if told else (), checker),
        foreign=_foreign(record["task"], task, checker),
        pool_outcomes_PT=[_row(p["runs"], columns, checker) for p in others] or None,
        opponents=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(others)],
    )


def _task_from(given: Mapping[str, Any], checker: str | None) -> Task:
    return Task(
        id=given["id"],
        statement=given["statement"],
        tests=tests_from(given["tests"]),
        examples=tests_from(given.get("examples", ())),
        checker=checker or given["checker"],
        source=given["source"],
        withheld=tests_from(given.get("withheld", ())),
        entry_point=given.get("entry_point"),
    )


def _right(test: Mapping[str, Any], reference: Outcome | None, checker: str | None) -> bool:
    """Whether a recorded test is right; by what the reference gave, if it is compared anew."""
    if checker is None:
        return bool(test["right"])
    if not test["valid"] or reference is None or reference.verdict is not Verdict.FINISHED:
        return False
    return accepts(checker, test["output"], reference.output)


def _foreign(given: Mapping[str, Any], task: Task, checker: str | None) -> Foreign:
    """As recorded, or anew by a rule that compares texts."""
    if checker is None:
        return Foreign(*given.get("foreign", (0, 0)))
    pairs = foreign_comparisons(task)
    return Foreign(sum(accepts(p.checker, p.output, p.expected) for p in pairs), len(pairs))


def _failure(entry: Mapping[str, Any]) -> ParseFailure | None:
    return ParseFailure(entry["failure"]) if entry["failure"] else None


def _parsed(tests: Sequence[Mapping[str, Any]]) -> list[ParsedTest]:
    return [
        ParsedTest(None if t["input"] is None else generated_from(t), _failure(t), *found_in(t))
        for t in tests
    ]


def _supervision_from(
    record: Mapping[str, Any], group: GroupResult, checker: str | None
) -> Supervision:
    """What `record` wrote: the same responses, with the runs on its own tests."""
    given = record["supervision"]
    parsed = _parsed(given["tests"])
    result = None
    if read := tuple(p.test for p in parsed if p.test):
        columns = (*read, *(p.test for p in group.tests))
        others = given["opponents_runs"]
        result = replace(
            group,
            task=label_free(group.task, parsed),
            outcomes_PT=[_row(runs, columns, checker) for runs in given["runs"]],
            refused_U=[None] * len(group.tests),
            reference_U=[None] * len(group.tests),
            right_U=None,
            withheld_PH=[[] for _ in group.programs],
            reference_G=[],
            foreign=NO_PAIRS,
            pool_outcomes_PT=[_row(runs, columns, checker) for runs in others or ()] or None,
        )
    known = all(t["right"] is not None for t in given["tests"])
    right_K = np.array([bool(t["right"]) for t in given["tests"]], dtype=bool)
    return Supervision(parsed, result, right_K if known else None)


def _row(
    records: Sequence[Mapping[str, Any]], tests: Sequence[Test | None], checker: str | None
) -> list[Outcome]:
    """A program's recorded outcomes on these tests."""
    return [outcome_from(o, t, checker) for o, t in zip(records, tests, strict=True)]
