"""Loading rows and running programs on the tasks that they make, for tests of the formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.expected import reference_runs
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Outcome, Task, TestKind, Verdict
from sparring.tasks.collect import CollectedTasks, RowSelection, collect
from sparring.tasks.preambles import source_before
from sparring.tasks.rows.files import RawRow

LIMITS = Limits(cpu_seconds=5.0, idle_seconds=20.0)


def loaded(*rows: Any, skip_bad: bool = False) -> CollectedTasks:
    """What `sparring tasks load` makes of rows."""
    raws = [RawRow(f"set, row {i}", f"set-{i}", row) for i, row in enumerate(rows, start=1)]
    with reference_runs() as reference:
        return collect([raws], RowSelection(reference=reference, skip_bad=skip_bad))


def one(row: Any) -> Task:
    """The only task of a row."""
    [task] = loaded(row).tasks
    return task


def fault(row: Any) -> str:
    """What is wrong with a bad row, after a good one that lets the load succeed."""
    good = {"question": "q", "test_input": ["1"], "test_output": ["1"]}
    [found] = loaded(good, row, skip_bad=True).faults
    return found.text


def run(sandbox: Sandbox, task: Task, program: str) -> list[str]:
    """Return the verdict of a program, after its task's preamble, on each test of the task."""
    grader, outcomes = Grader(sandbox), []
    jobs = [
        Job(
            program,
            (t.input,),
            LIMITS,
            t.kind,
            task.entry_point or "",
            preamble=source_before(task),
        )
        for t in task.tests
    ]
    answers: Sequence[Outcome] = [one for [one] in sandbox.run(jobs)]
    asked = [
        OutputComparison.of(task, t, "" if t.kind is TestKind.SCRIPT else a.output)
        for t, a in zip(task.tests, answers, strict=True)
    ]
    finished = [a for a in zip(asked, answers, strict=True) if a[1].verdict is Verdict.FINISHED]
    grader.prepare([one for one, _ in finished])
    for one, answer in zip(asked, answers, strict=True):
        outcomes.append(grader.graded(answer, one).verdict.value)
    return outcomes


def passes(sandbox: Sandbox, task: Task, program: str) -> list[bool]:
    """Whether a program is accepted, by test."""
    return [verdict == Verdict.ACCEPTED for verdict in run(sandbox, task, program)]
