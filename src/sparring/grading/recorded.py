"""Graded groups read back from their records (`record`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.errors import well_formed
from sparring.grading.checker_leniency import NO_PAIRS, CheckerLeniency, leniency_comparisons
from sparring.grading.entries import (
    generated_from,
    outcome_from,
    reading_from,
    response_from,
    tests_from,
)
from sparring.grading.group import GroupResult, PseudoLabels, label_free_task
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.runs.reader import RunReader, step_file
from sparring.schema import Outcome, ParseFailure, Role, Task, Test, TestRefusal, Verdict
from sparring.tasks.checkers.checker import accepts


def result_from(
    record: Mapping[str, Any],
    checker: str | None = None,
    usage: Mapping[str, Any] | None = None,
) -> GroupResult:
    """Return the group of a record.

    ``usage``, the group's `record.usage_record`, has the details of executions; without it they are
    empty. With a ``checker``, printed text is compared anew. An output that was too long to be kept
    whole keeps its verdict. A function task keeps all verdicts, because no checker for text
    compares values. Raises `RunError` for data of any other form.
    """
    step = record.get("step") if isinstance(record, dict) else None
    with well_formed(f"rollouts of step {step}"):
        if record["task"].get("entry_point") is not None:
            checker = None
        group = _result_from(record, checker)
        if "pseudo_labels" in record:
            group = replace(group, pseudo_labels=_pseudo_labels_from(record, group, checker))
    if usage is None:
        return group
    with well_formed(f"usage of step {step}, task {group.task.id}"):
        return _with_details(group, usage)


def _with_details(group: GroupResult, usage: Mapping[str, Any]) -> GroupResult:
    """Return the group with the details that ``usage`` has of every execution."""
    if usage["task"] != group.task.id:
        raise ValueError(f"usage/ has {usage['task']} where rollouts/ has {group.task.id}")
    pseudo_labels = group.pseudo_labels
    if pseudo_labels and pseudo_labels.result:
        of_labels = _detailed(pseudo_labels.result, usage["pseudo_labels"])
        pseudo_labels = replace(pseudo_labels, result=of_labels)
    return replace(_detailed(group, usage["runs"]), pseudo_labels=pseudo_labels)


def _detailed(
    group: GroupResult, runs: Sequence[Sequence[tuple[float, float, str]]]
) -> GroupResult:
    rows = [
        [replace(o, detail=str(detail)) for o, (_, _, detail) in zip(row, used, strict=True)]
        for row, used in zip(
            ([*a, *b] for a, b in zip(group.outcomes_PT, group.hidden_PH, strict=True)),
            runs,
            strict=True,
        )
    ]
    width = group.matrix.passed_PT.shape[1]
    return replace(
        group,
        outcomes_PT=[row[:width] for row in rows],
        hidden_PH=[row[width:] for row in rows],
    )


def results_of_step(
    run: RunReader, step: int, checker: str | None = None, details: bool = False
) -> list[GroupResult]:
    """Return the recorded groups of a step. With ``details``, which a reward function of the user's
    may depend on, they have what ``usage/`` says of their executions, if the file is there."""
    records = run.read_packed(step_file("rollouts", step))
    name = step_file("usage", step)
    if not (details and run.has(name)):
        return [result_from(r, checker) for r in records]
    usage = run.read_packed(name)
    with well_formed(f"{run.path / name}"):
        return [result_from(r, checker, u) for r, u in zip(records, usage, strict=True)]


def _result_from(record: Mapping[str, Any], checker: str | None) -> GroupResult:
    task = _task_from(record["task"], checker)
    programs, tests = record["programs"], record["tests"]
    parsed = _parsed(tests)
    columns = (*task.tests, *(p.test for p in parsed))
    others = record.get("initial_policy_programs", ())
    on_truth = record["task"].get("reference", ())
    reference = [None if (o := t["reference"]) is None else outcome_from(o) for t in tests]
    right_U = None
    if record["task"]["has_reference"]:
        right = [_right(t, o, checker) for t, o in zip(tests, reference, strict=True)]
        right_U = np.array(right, dtype=bool)
    return GroupResult(
        task=task,
        coder=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(programs)],
        tester=[response_from(t, task.id, Role.TESTER, k) for k, t in enumerate(tests)],
        programs=[ParsedProgram(p["source"], _failure(p), *reading_from(p)) for p in programs],
        tests=parsed,
        outcomes_PT=[_row(p["runs"], columns, checker) for p in programs],
        refused_U=[TestRefusal(r) if (r := t["refused"]) else None for t in tests],
        reference_U=reference,
        right_U=right_U,
        hidden_PH=[_row(p.get("hidden_runs", ()), task.hidden, checker) for p in programs],
        reference_G=_row(on_truth, task.ground_truth if on_truth else (), checker),
        leniency=_leniency(record["task"], task, checker),
        pool_outcomes_PT=[_row(p["runs"], columns, checker) for p in others] or None,
        initial_policy_programs=[
            response_from(p, task.id, Role.CODER, i) for i, p in enumerate(others)
        ],
    )


def _task_from(entry: Mapping[str, Any], checker: str | None) -> Task:
    return Task(
        id=entry["id"],
        statement=entry["statement"],
        tests=tests_from(entry["tests"]),
        examples=tests_from(entry.get("examples", ())),
        checker=checker or entry["checker"],
        source=entry["source"],
        hidden=tests_from(entry.get("hidden", ())),
        entry_point=entry.get("entry_point"),
    )


def _right(test: Mapping[str, Any], reference: Outcome | None, checker: str | None) -> bool:
    """Return True if a recorded test is right: as recorded or, with a ``checker``, by comparison
    with the reference's output."""
    if checker is None:
        return bool(test["right"])
    if not test["valid"] or reference is None or reference.verdict is not Verdict.FINISHED:
        return False
    return accepts(checker, test["output"], reference.output)


def _leniency(entry: Mapping[str, Any], task: Task, checker: str | None) -> CheckerLeniency:
    """Return the counts as recorded; with a ``checker`` that compares texts, count anew."""
    if checker is None:
        return CheckerLeniency(*entry.get("checker_leniency", (0, 0)))
    pairs = leniency_comparisons(task)
    return CheckerLeniency(sum(accepts(p.checker, p.output, p.expected) for p in pairs), len(pairs))


def _failure(entry: Mapping[str, Any]) -> ParseFailure | None:
    return ParseFailure(entry["failure"]) if entry["failure"] else None


def _parsed(tests: Sequence[Mapping[str, Any]]) -> list[ParsedTest]:
    return [
        ParsedTest(None if t["input"] is None else generated_from(t), _failure(t), *reading_from(t))
        for t in tests
    ]


def _pseudo_labels_from(
    record: Mapping[str, Any], group: GroupResult, checker: str | None
) -> PseudoLabels:
    """Return the pseudo-labels that `record` wrote: the same responses, with the outcomes on the
    frozen tester's tests."""
    entry = record["pseudo_labels"]
    parsed = _parsed(entry["tests"])
    result = None
    if read := tuple(p.test for p in parsed if p.test):
        columns = (*read, *(p.test for p in group.tests))
        others = entry["initial_policy_runs"]
        result = replace(
            group,
            task=label_free_task(group.task, parsed),
            outcomes_PT=[_row(runs, columns, checker) for runs in entry["runs"]],
            refused_U=[None] * len(group.tests),
            reference_U=[None] * len(group.tests),
            right_U=None,
            hidden_PH=[[] for _ in group.programs],
            reference_G=[],
            leniency=NO_PAIRS,
            pool_outcomes_PT=[_row(runs, columns, checker) for runs in others or ()] or None,
        )
    all_known = all(t["right"] is not None for t in entry["tests"])
    right_K = np.array([bool(t["right"]) for t in entry["tests"]], dtype=bool)
    return PseudoLabels(parsed, result, right_K if all_known else None)


def _row(
    records: Sequence[Mapping[str, Any]], tests: Sequence[Test | None], checker: str | None
) -> list[Outcome]:
    """Return a program's recorded outcomes on these tests."""
    return [outcome_from(o, t, checker) for o, t in zip(records, tests, strict=True)]
